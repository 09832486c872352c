#include "engine_model.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <thread>

#include "cpu/cpu_device.h"
#include "engine_options.h"
#include "engine_surface.h"
#include "error.h"
#include "faults.h"
#include "mil/typed_program.h"
#include "sim/numerics.h"
#include "sim/refusals.h"

namespace {

namespace fs = std::filesystem;
using namespace mayfly::emulator;
using mayfly::sim::RefusalOf;
using mayfly::sim::RefusedAt;

constexpr const char* kCompilerDomain = "com.apple.appleneuralengine.compiler";
constexpr const char* kEngineDomain = "com.apple.appleneuralengine";

std::atomic<long> live{0};
std::atomic<long> loaded{0};
std::atomic<long> compilations{0};

EngineOutcome Fail(EngineError* error, const char* domain, long code, const std::string& text, long underlying_code = 0,
                   const std::string& underlying = "") {
  error->domain = domain;
  error->code = code;
  error->underlying_code = underlying_code;
  std::snprintf(error->text, sizeof error->text, "%s", text.c_str());
  std::snprintf(error->underlying_text, sizeof error->underlying_text, "%s", underlying.c_str());
  return ENGINE_FAILED;
}

EngineOutcome FailCompile(EngineError* error, const std::string& why) {
  return Fail(error, kCompilerDomain, 1, "_ANECompiler : ANECCompile() FAILED", 22,
              "err=(CompilationFailure, InvalidMILProgram): " + why);
}

// What the compiler says of a bundle that is not what the descriptor promised.
EngineOutcome FailBundle(EngineError* error, const char* domain) {
  return Fail(error, domain, 10, "verifyBundleAtPath: invalid model");
}

std::string Hexadecimal(long code) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%lx", code);
  return text;
}

EngineOutcome FailCompile(EngineError* error, const Fault& fault) {
  if (fault.code == 10) return FailBundle(error, kCompilerDomain);
  return Fail(error, kCompilerDomain, std::max(fault.code, 1L), "_ANECompiler : ANECCompile() FAILED", 22, fault.text);
}

EngineOutcome FailLoad(EngineError* error, long code) {
  if (code == 10) return FailBundle(error, kEngineDomain);
  if (code == 53) {
    Fail(
        error, kEngineDomain, code,
        "createProgramInstanceForModel: Program load failed — no memory (transient; retry under lower memory pressure) "
        "(underlying=0x1)");
    error->status = 1;
    error->stage = 4;
    return ENGINE_FAILED;
  }
  return Fail(error, kEngineDomain, 6, "Program load failure (" + Hexadecimal(code) + ")");
}

// As the framework words each status.
const char* TextOf(long status) {
  switch (status) {
    case 0xe: return "Program not found";
    case 0xf: return "Program Inference timeout";
    case 0x12: return "Request cancelled";
    default: return "Program Inference error";
  }
}

EngineOutcome FailEvaluate(EngineError* error, long status, const std::string& why = "") {
  return Fail(error, kEngineDomain, 8,
              "ANEProgramProcessRequestDirect() Failed with status=" + Hexadecimal(status) +
                  " : statusType=0x9: " + TextOf(status) + (why.empty() ? "" : ": " + why));
}

std::string DirectoryOf(const EngineModel* model, const char* temporary) {
  return model->folder.empty() ? (fs::path(temporary) / model->identifier).string() : model->folder;
}

// Whether loading reads the weights from the files.
bool ReadsFiles(const EngineModel* model) {
  static std::atomic<int> reloads{0};
  const Reload reload = EngineOptions::Get().reload;
  if (reload == Reload::kFirst) return model->was_loaded && ++reloads == 1;
  return reload == Reload::kFiles;
}

std::vector<mayfly::mil::WeightFile> Views(const std::vector<EngineModel::File>& files) {
  std::vector<mayfly::mil::WeightFile> views;
  for (const EngineModel::File& file : files) views.push_back({file.path, file.bytes.data(), file.bytes.size()});
  return views;
}

bool IsRefusedAt(const EngineModel* model, RefusedAt at) { return model->refusal && model->refusal->at == at; }

// The programs that the service has compiled, by identifier, with their weights if the identifier leaves them out.
class Artefacts {
 public:
  void Add(const EngineModel& model) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool shared = EngineOptions::Get().identity_of_text;
    weights_.emplace(model.identifier, shared ? model.files : std::vector<EngineModel::File>());
  }

  // Null if none was compiled.
  const std::vector<EngineModel::File>* WeightsOf(const EngineModel& model) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = weights_.find(model.identifier);
    if (found == weights_.end()) return nullptr;
    return EngineOptions::Get().identity_of_text ? &found->second : &model.files;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<EngineModel::File>> weights_;
};

Artefacts& TheArtefacts() {
  static auto* const artefacts = new Artefacts();
  return *artefacts;
}

// The service keeps what an _ANEModel was compiled to, by the folder's path and the key.
fs::path ArtefactFile(const EngineModel* model, const char* temporary) {
  return fs::path(temporary) / ".aned" / DigestOf(model->folder, model->key);
}

// It holds a digest of its sources, so that a stale one is not loaded.
std::string Artefact(const EngineModel* model) { return "compiled " + model->identifier + "\n"; }

// The weights that the program was compiled with; null if it was not.
const std::vector<EngineModel::File>* CompiledWeights(const EngineModel* model, const char* temporary) {
  if (model->folder.empty()) return TheArtefacts().WeightsOf(*model);
  std::ifstream file(ArtefactFile(model, temporary), std::ios::binary);
  const std::string found(std::istreambuf_iterator<char>(file), {});
  return found == Artefact(model) ? &model->files : nullptr;
}

bool DialectRejected(const std::string& text) {
  const std::string& dialect = EngineOptions::Get().dialect;
  return (dialect == "ios16" && text.find("main<ios16>") == std::string::npos) ||
         (dialect == "ios18" && text.find("main<ios16>") != std::string::npos);
}

// The first pattern of the program that this engine refuses. Throws mayfly::Error for a mistake in the text.
std::optional<mayfly::sim::Refusal> FindRefusal(const EngineModel* model) {
  return RefusalOf(mayfly::mil::CheckProgram(model->text, Views(model->files)), EngineOptions::Get().refused);
}

// After a delay that lets others remove the files.
void WaitBeforeReading() {
  std::this_thread::sleep_for(std::chrono::milliseconds(EngineOptions::Get().compile_milliseconds));
}

EngineOutcome CompileStaged(EngineModel* model, EngineError* error) {
  if (EngineOptions::Get().single_file && model->files.size() > 1) return FailBundle(error, kCompilerDomain);
  if (DialectRejected(model->text)) return FailCompile(error, "unknown MIL dialect");
  try {
    model->refusal = FindRefusal(model);
  } catch (const mayfly::Error& rejected) {
    return FailCompile(error, rejected.what());
  }
  if (IsRefusedAt(model, RefusedAt::kCompile)) {
    return Fail(error, kCompilerDomain, 1, "_ANECompiler : ANECCompile() FAILED", 22,
                "err=(CompilationFailure): " + model->refusal->reason);
  }
  return ENGINE_OK;
}

// The port of each position of a request.
std::vector<size_t> Binding(const std::vector<mayfly::Port>& ports) {
  std::vector<size_t> order(ports.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (EngineOptions::Get().ports == Ports::kAlphabetical) {
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return ports[a].name < ports[b].name; });
  }
  return order;
}

// Whether an engine where programs share no surfaces refuses these.
bool TakesSurfacesOfOthers(const EngineModel* model, EngineSurface* const* surfaces, size_t count) {
  if (EngineOptions::Get().surfaces_are_shared) return false;
  return std::any_of(surfaces, surfaces + count, [&](EngineSurface* surface) {
    if (surface->user == nullptr) surface->user = model;
    return surface->user != model;
  });
}

// A description of a mistake in the surfaces of one side; empty if there is none.
std::string SurfaceFault(const std::vector<mayfly::Port>& ports, EngineSurface* const* surfaces, size_t count) {
  if (count != ports.size())
    return "expected " + std::to_string(ports.size()) + " surfaces, got " + std::to_string(count);
  if (count > 1 && EngineOptions::Get().ports == Ports::kSingle) return "more than one surface";
  const std::vector<size_t> order = Binding(ports);
  for (size_t i = 0; i < count; ++i) {
    if (surfaces[i]->bytes != surfaces[0]->bytes) return "surfaces of different sizes";
    if (surfaces[i]->bytes < ports[order[i]].bytes()) return "a surface smaller than its tensor";
    if (surfaces[i]->readers + surfaces[i]->writers > 0) return "a surface that is locked";
  }
  return "";
}

}  // namespace

namespace mayfly::emulator {
long LiveModels() { return live; }
long LoadedModels() { return loaded; }
}  // namespace mayfly::emulator

extern "C" {

EngineModel* EngineModelCreate(const void* text, size_t bytes, const EngineFile* files, size_t count) {
  auto* model = new EngineModel;
  model->text.assign(static_cast<const char*>(text), bytes);
  for (size_t i = 0; i < count; ++i) {
    const auto* data = static_cast<const uint8_t*>(files[i].data);
    model->files.push_back({files[i].path, {data, data + files[i].bytes}});
  }
  std::sort(model->files.begin(), model->files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  model->identifier = IdentifierOf(*model);
  ++live;
  return model;
}

EngineModel* EngineModelCreateAt(const char* folder, const char* key) {
  auto* model = new EngineModel;
  model->folder = folder;
  model->key = key;
  ++live;
  return model;
}

void EngineModelDestroy(EngineModel* model) {
  if (model->program != nullptr) --loaded;
  delete model;
  --live;
}

const char* EngineModelIdentifier(const EngineModel* model) {
  const std::optional<std::string>& given = EngineOptions::Get().identifier;
  if (!given) return model->identifier.c_str();
  return given->empty() ? nullptr : given->c_str();
}

EngineOutcome EngineModelCompile(EngineModel* model, const char* temporary, EngineError* error) {
  const Fault fault = NextFault("compile");
  const long limit = EngineOptions::Get().compile_limit;
  if (++compilations > limit && limit > 0)
    return Fail(error, kCompilerDomain, 1, "_ANECompiler : ANECCompile() FAILED");
  if (fault.kind == FaultKind::kNilError) return ENGINE_FAILED;
  if (fault.kind == FaultKind::kException) return ENGINE_EXCEPTION;
  if (fault.kind == FaultKind::kError) {
    if (fault.code == 10) return FailBundle(error, kCompilerDomain);
    return Fail(error, kCompilerDomain, std::max(fault.code, 1L), "_ANECompiler : ANECCompile() FAILED", 22,
                fault.text);
  }
  const std::lock_guard<std::mutex> lock(model->mutex);
  std::this_thread::sleep_for(std::chrono::milliseconds(EngineOptions::Get().compile_milliseconds));
  if (EngineOptions::Get().single_file && model->files.size() > 1) return FailBundle(error, kCompilerDomain);
  const std::string directory = DirectoryOf(model, temporary);
  const std::string staging = StagingFault(*model, directory);
  if (!staging.empty()) return FailCompile(error, staging);
  if (CompileStaged(model, error) != ENGINE_OK) return ENGINE_FAILED;
  TheArtefacts().Add(*model);
  return ENGINE_OK;
}

EngineOutcome EngineClientCompile(EngineModel* model, const char* temporary, const char* type, const char* file,
                                  EngineError* error) {
  const Fault fault = NextFault("compile");
  if (fault.kind == FaultKind::kNilError) return ENGINE_FAILED;
  if (fault.kind == FaultKind::kException) return ENGINE_EXCEPTION;
  if (fault.kind == FaultKind::kError) return FailCompile(error, fault);
  const std::lock_guard<std::mutex> lock(model->mutex);
  WaitBeforeReading();
  if (type == nullptr || std::strcmp(type, "kANEFModelMIL") != 0)
    return FailCompile(error, "no model.espresso.net in " + model->folder);
  if (file == nullptr || std::strcmp(file, "model.mil") != 0) return FailCompile(error, "no net.plist");
  if (!ReadFolder(model->folder, model)) return FailCompile(error, "no model.mil in " + model->folder);
  model->identifier = IdentifierOf(*model);
  if (CompileStaged(model, error) != ENGINE_OK) return ENGINE_FAILED;
  const fs::path artefact = ArtefactFile(model, temporary);
  fs::create_directories(artefact.parent_path());
  std::ofstream(artefact, std::ios::binary) << Artefact(model);
  return ENGINE_OK;
}

int EngineClientIsCompiled(EngineModel* model, const char* temporary) {
  return fs::exists(ArtefactFile(model, temporary));
}

void EngineClientPurge(EngineModel* model, const char* temporary) {
  std::error_code ignored;
  fs::remove(ArtefactFile(model, temporary), ignored);
}

EngineOutcome EngineModelLoad(EngineModel* model, const char* temporary, EngineError* error) {
  const Fault fault = NextFault("load");
  if (fault.kind == FaultKind::kNilError) return ENGINE_FAILED;
  if (fault.kind == FaultKind::kException) return ENGINE_EXCEPTION;
  if (fault.kind == FaultKind::kError) return FailLoad(error, fault.code);
  const std::lock_guard<std::mutex> lock(model->mutex);
  if (model->program != nullptr) return FailLoad(error, 0x20004);
  // A program that was compiled through another object.
  if (!model->folder.empty() && model->text.empty() && ReadFolder(model->folder, model)) {
    model->identifier = IdentifierOf(*model);
    model->refusal = FindRefusal(model);
  }
  const std::vector<EngineModel::File>* compiled = CompiledWeights(model, temporary);
  if (compiled == nullptr) return Fail(error, kEngineDomain, 10, "GetANEFModel: must re-compile");
  const long limit = EngineOptions::Get().live_limit;
  if (limit > 0 && loaded >= limit) return FailLoad(error, 0x50004);
  try {
    const std::vector<EngineModel::File> files =
        ReadsFiles(model) ? ReadStaged(*model, DirectoryOf(model, temporary)) : *compiled;
    mayfly::mil::TypedProgram program = mayfly::mil::CheckProgram(model->text, Views(files));
    model->refusal = RefusalOf(program, EngineOptions::Get().refused);
    if (IsRefusedAt(model, RefusedAt::kLoad)) return FailLoad(error, 0x20004);
    if (IsRefusedAt(model, RefusedAt::kTable)) {
      mayfly::sim::Numerics numerics;
      numerics.sigmoid_points = mayfly::sim::kCoarseTable;
      ApplyNumerics(&program, numerics);
    }
    model->program = mayfly::CompileOnCpu(program, std::make_shared<mayfly::cpu::Engine>(1, mayfly::Precision::kExact));
    model->was_loaded = true;
  } catch (const mayfly::Error& rejected) {
    return Fail(error, kEngineDomain, 6, rejected.what());
  }
  ++loaded;
  return ENGINE_OK;
}

EngineOutcome EngineModelEvaluate(EngineModel* model, EngineSurface* const* inputs, size_t input_count,
                                  EngineSurface* const* outputs, size_t output_count, EngineError* error) {
  NoteEvaluation();
  const Fault fault = NextFault("evaluate");
  if (fault.kind == FaultKind::kNilError) return ENGINE_FAILED;
  if (fault.kind == FaultKind::kException) return ENGINE_EXCEPTION;
  if (fault.kind == FaultKind::kError) return FailEvaluate(error, fault.code);
  const std::lock_guard<std::mutex> lock(model->mutex);
  if (model->program == nullptr) return FailEvaluate(error, 0x1d, "the program is not loaded");
  const std::vector<mayfly::Port>& input_ports = model->program->inputs();
  const std::vector<mayfly::Port>& output_ports = model->program->outputs();
  for (const std::string& wrong :
       {SurfaceFault(input_ports, inputs, input_count), SurfaceFault(output_ports, outputs, output_count)}) {
    if (!wrong.empty()) return FailEvaluate(error, 0x1d, wrong);
  }
  if (TakesSurfacesOfOthers(model, inputs, input_count) || TakesSurfacesOfOthers(model, outputs, output_count))
    return FailEvaluate(error, 0x1d, "a surface of another program");
  if (IsRefusedAt(model, RefusedAt::kEvaluate)) return FailEvaluate(error, 0x1d, model->refusal->reason);
  std::vector<const void*> from(input_count);
  std::vector<void*> to(output_count);
  const std::vector<size_t> input_order = Binding(input_ports);
  const std::vector<size_t> output_order = Binding(output_ports);
  for (size_t i = 0; i < input_count; ++i) from[input_order[i]] = inputs[i]->engine;
  for (size_t i = 0; i < output_count; ++i) to[output_order[i]] = outputs[i]->engine;
  for (size_t i = 0; i < output_count; ++i) outputs[i]->filled = output_ports[output_order[i]].bytes();
  if (fault.kind == FaultKind::kZeros || IsRefusedAt(model, RefusedAt::kZeros)) {
    for (size_t i = 0; i < output_count; ++i) std::memset(outputs[i]->engine, 0, outputs[i]->bytes);
    return ENGINE_OK;
  }
  try {
    model->program->Evaluate(from.data(), to.data());
  } catch (const mayfly::Error& failed) {
    return FailEvaluate(error, 0x16, failed.what());
  }
  for (size_t i = 0; i < output_count; ++i) {
    if (static_cast<long>(output_order[i]) >= EngineOptions::Get().outputs)
      std::memset(outputs[i]->engine, 0, outputs[i]->bytes);
  }
  return ENGINE_OK;
}

EngineOutcome EngineModelUnload(EngineModel* model, const char* temporary, EngineError* error) {
  const Fault fault = NextFault("unload");
  const std::lock_guard<std::mutex> lock(model->mutex);
  if (model->program == nullptr) return Fail(error, kEngineDomain, 9, "the program is not loaded");
  model->program.reset();
  --loaded;
  std::error_code absent;
  if (model->folder.empty() && !EngineOptions::Get().unload_keeps)
    fs::remove_all(DirectoryOf(model, temporary), absent);
  if (fault.kind == FaultKind::kNilError) return ENGINE_FAILED;
  if (fault.kind == FaultKind::kException) return ENGINE_EXCEPTION;
  if (fault.kind == FaultKind::kError) return Fail(error, kEngineDomain, fault.code, "Program unload failure");
  return ENGINE_OK;
}

int EngineModelDescribes(EngineModel* model) {
  const std::lock_guard<std::mutex> lock(model->mutex);
  return model->program != nullptr && EngineOptions::Get().has_attributes ? 1 : 0;
}

void EngineModelPorts(EngineModel* model, int side, void (*add)(const char* name, void* context), void* context) {
  const std::lock_guard<std::mutex> lock(model->mutex);
  const std::vector<mayfly::Port>& ports = side == 0 ? model->program->inputs() : model->program->outputs();
  for (size_t port : Binding(ports)) add(ports[port].name.c_str(), context);
}

}  // extern "C"
