#include "ane/program_ports.h"

#include "error.h"
#include "mil/parser.h"
#include "mil/signature.h"
#include "mil/typed_program.h"

namespace mayfly::ane {
namespace {

Port PortOf(const mil::Declaration& declaration) {
  return {std::string(declaration.name.text), mil::AsDType(declaration.type.element), declaration.type.shape};
}

const mil::Declaration& FindDeclaration(const mil::Function& function, const mil::Name& name) {
  for (const mil::Declaration& parameter : function.parameters) {
    if (parameter.name.text == name.text) return parameter;
  }
  for (const mil::Statement& statement : function.statements) {
    for (const mil::Declaration& result : statement.results) {
      if (result.name.text == name.text) return result;
    }
  }
  throw Error("ERR_MIL_TYPE", "Expected a value named `" + std::string(name.text) + "` to return, got none",
              name.position.line, name.position.column);
}

}  // namespace

ProgramPorts PortsOf(std::string_view text, const std::vector<mil::WeightFile>& weights) {
  ProgramPorts ports;
  try {
    ports.warnings = mil::CheckProgram(text, weights).warnings;
  } catch (const Error& error) {
    if (error.code() != "ERR_MIL_UNSUPPORTED") throw;
  }
  const std::vector<mil::Function> functions = mil::ParseProgram(text);
  const mil::Function& function = mil::ChooseFunction(functions, {});
  for (const mil::Declaration& parameter : function.parameters) ports.inputs.push_back(PortOf(parameter));
  for (const mil::Name& name : function.returns) ports.outputs.push_back(PortOf(FindDeclaration(function, name)));
  return ports;
}

ProgramPorts UncheckedPortsOf(std::string_view text) {
  const mil::Signature signature = mil::ReadSignature(text);
  ProgramPorts ports;
  for (const mil::Declaration& parameter : signature.parameters) ports.inputs.push_back(PortOf(parameter));
  for (const mil::Declaration& result : signature.results) ports.outputs.push_back(PortOf(result));
  return ports;
}

}  // namespace mayfly::ane
