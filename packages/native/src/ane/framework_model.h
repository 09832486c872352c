// The messages to one model of the framework, through one of its APIs. They return what the method returned; whoever
// sends them (model.h) has a pool around them and reads the error.
#pragma once

#include <string>

#include "ane/objc_runtime.h"

namespace mayfly::ane {

class FrameworkModel {
 public:
  virtual ~FrameworkModel() = default;

  // Derived from text and weights. The name of the staged directory.
  virtual const std::string& identifier() const = 0;
  // Whether the system holds this program compiled, so that Load can do without Compile.
  virtual bool IsCompiled() const = 0;
  virtual Bool Compile(Id* error) = 0;
  virtual Bool Load(Id* error) = 0;
  virtual Bool Evaluate(Id request, Id* error) = 0;
  virtual Bool Unload(Id* error) = 0;
  // Makes the system forget the compiled program.
  virtual void Purge() = 0;
  // A dictionary that describes the loaded program; may be nil.
  virtual Id Attributes() const = 0;
  // The _ANEModel, which direct evaluation takes.
  virtual Id inner() const = 0;
};

}  // namespace mayfly::ane
