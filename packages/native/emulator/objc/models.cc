// Descriptors and models.
#include "objc/method.h"
#include "objc/neural_engine.h"

using namespace mayfly::emulator;

extern "C" Object* NSTemporaryDirectory();

std::string mayfly::emulator::TemporaryDirectory() {
  return As<StringObject>(NSTemporaryDirectory(), "an NSString")->value;
}

namespace {

Object* MakeDescriptor(Object* self, Selector, Object* text, Object* weights, Object* plist) {
  if (As<DataObject>(text, "an NSData as MIL text") == nullptr ||
      As<DictionaryObject>(weights, "an NSDictionary as weights") == nullptr) {
    return nullptr;
  }
  if (plist != nullptr) Die("expected nil as options property list");
  return Autorelease(new DescriptorObject(static_cast<Class*>(self), text, weights));
}

Object* MakeModel(Object* self, Selector, Object* descriptor) {
  const auto* given = As<DescriptorObject>(descriptor, "a descriptor");
  const auto& text = *static_cast<DataObject*>(given->text);
  std::vector<EngineFile> files;
  for (const auto& [path, entry] : static_cast<DictionaryObject*>(given->weights)->entries) {
    const auto* file = As<DictionaryObject>(entry, "an NSDictionary as weight file");
    const auto* data = As<DataObject>(file->Find("data"), "an NSData as data of a weight file");
    if (As<NumberObject>(file->Find("offset"), "an NSNumber as offset of a weight file") == nullptr ||
        data == nullptr) {
      Die("expected a weight file with offset and data");
    }
    files.push_back(
        {As<StringObject>(path, "an NSString as path")->value.c_str(), data->bytes.data(), data->bytes.size()});
  }
  EngineModel* model = EngineModelCreate(text.bytes.data(), text.bytes.size(), files.data(), files.size());
  return Autorelease(new ModelObject(static_cast<Class*>(self), model));
}

EngineModel* EngineOf(Object* self) { return As<ModelObject>(self, "an _ANEInMemoryModel")->engine; }

Object* Identifier(Object* self, Selector) {
  const char* identifier = EngineModelIdentifier(EngineOf(self));
  return identifier == nullptr ? nullptr : Autorelease(new StringObject(identifier));
}

bool CompileModel(Object* self, Selector, unsigned, Object* options, Object** error) {
  RequireOptions(options);
  EngineError failure = {};
  return Finish(EngineModelCompile(EngineOf(self), TemporaryDirectory().c_str(), &failure), failure, error);
}

bool LoadModel(Object* self, Selector, unsigned, Object* options, Object** error) {
  RequireOptions(options);
  EngineError failure = {};
  return Finish(EngineModelLoad(EngineOf(self), TemporaryDirectory().c_str(), &failure), failure, error);
}

bool UnloadModel(Object* self, Selector, unsigned, Object** error) {
  EngineError failure = {};
  return Finish(EngineModelUnload(EngineOf(self), TemporaryDirectory().c_str(), &failure), failure, error);
}

bool EvaluateModel(Object* self, Selector, unsigned, Object* options, Object* request, Object** error) {
  return EvaluateEngine(EngineOf(self), options, request, error);
}

// The names of one side's ports. As on a Mac, outputs have a suffix.
Object* Symbols(EngineModel* model, int side) {
  std::vector<std::string> names;
  EngineModelPorts(
      model, side,
      [](const char* name, void* context) { static_cast<std::vector<std::string>*>(context)->emplace_back(name); },
      &names);
  std::vector<Object*> symbols;
  for (const std::string& name : names) symbols.push_back(new StringObject(side == 0 ? name : name + "@output"));
  auto* array = new ArrayObject(symbols.data(), symbols.size());
  for (Object* symbol : symbols) Release(symbol);
  return array;
}

Object* AttributesOf(EngineModel* model) {
  if (EngineModelDescribes(model) == 0) return nullptr;
  auto* description = MakeOwnedDictionary(
      {{"kANEFModelInputSymbolsArrayKey", Symbols(model, 0)}, {"kANEFModelOutputSymbolsArrayKey", Symbols(model, 1)}});
  return Autorelease(MakeOwnedDictionary({{"ANEFModelDescription", description}}));
}

Object* Attributes(Object* self, Selector) { return AttributesOf(EngineOf(self)); }

Object* InnerAttributes(Object* self, Selector) {
  return AttributesOf(As<InnerModelObject>(self, "an _ANEModel")->engine);
}

Class* inner_model_class = nullptr;

Object* InnerModel(Object* self, Selector) {
  auto* model = As<ModelObject>(self, "an _ANEInMemoryModel");
  if (model->inner == nullptr) model->inner = new InnerModelObject(inner_model_class, model->engine, false);
  return model->inner;
}

Object* MakeInnerModel(Object* self, Selector, Object* url, Object* key) {
  EngineModel* model = EngineModelCreateAt(As<UrlObject>(url, "an NSURL of a folder")->path.c_str(),
                                           As<StringObject>(key, "an NSString as key")->value.c_str());
  return Autorelease(new InnerModelObject(static_cast<Class*>(self), model, true));
}

const bool classes = [] {
  Class* descriptor = DefineClass("_ANEInMemoryModelDescriptor");
  AddClassMethod(descriptor, "modelWithMILText:weights:optionsPlist:", MakeDescriptor);
  Class* model = DefineClass("_ANEInMemoryModel");
  AddClassMethod(model, "inMemoryModelWithDescriptor:", MakeModel);
  AddInstanceMethod(model, "hexStringIdentifier", Identifier);
  AddInstanceMethod(model, "compileWithQoS:options:error:", CompileModel);
  AddInstanceMethod(model, "loadWithQoS:options:error:", LoadModel);
  AddInstanceMethod(model, "unloadWithQoS:error:", UnloadModel);
  AddInstanceMethod(model, "evaluateWithQoS:options:request:error:", EvaluateModel);
  AddInstanceMethod(model, "model", InnerModel);
  AddInstanceMethod(model, "modelAttributes", Attributes);
  inner_model_class = DefineClass("_ANEModel");
  AddClassMethod(inner_model_class, "modelAtURL:key:", MakeInnerModel);
  AddInstanceMethod(inner_model_class, "modelAttributes", InnerAttributes);
  return true;
}();

}  // namespace
