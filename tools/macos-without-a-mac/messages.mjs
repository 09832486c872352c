// The messages that the addon sends and the kinds of their results and arguments, as Apple's headers declare them for Foundation and
// as public reverse engineering (docs/ane.md) found them for the private framework. On arm64 a kind decides the register.
const object = 'pointer';
const pointer = 'pointer';

/** Selector → [result, ...arguments]. */
export const MESSAGES = {
  alloc: [object],
  init: [object],
  retain: [object],
  release: ['void'],
  drain: ['void'],
  'stringWithUTF8String:': [object, pointer],
  UTF8String: [pointer],
  'dataWithBytes:length:': [object, pointer, 'long'],
  'numberWithUnsignedLongLong:': [object, 'long'],
  'arrayWithObjects:count:': [object, pointer, 'long'],
  'dictionaryWithObjects:forKeys:count:': [object, pointer, pointer, 'long'],
  'objectForKey:': [object, object],
  domain: [object],
  code: ['long'],
  localizedDescription: [object],
  userInfo: [object],
  aneSubType: [object],
  hasANE: ['byte'],
  'objectWithIOSurface:': [object, pointer],
  'inMemoryModelWithDescriptor:': [object, object],
  hexStringIdentifier: [object],
  'modelWithMILText:weights:optionsPlist:': [object, object, object, object],
  'compileWithQoS:options:error:': ['byte', 'int', object, pointer],
  'loadWithQoS:options:error:': ['byte', 'int', object, pointer],
  'evaluateWithQoS:options:request:error:': ['byte', 'int', object, object, pointer],
  'unloadWithQoS:error:': ['byte', 'int', pointer],
  model: [object],
  sharedConnection: [object],
  'fileURLWithPath:isDirectory:': [object, object, 'byte'],
  'modelAtURL:key:': [object, object, object],
  'compileModel:options:qos:error:': ['byte', object, object, 'int', pointer],
  'compiledModelExistsFor:': ['byte', object],
  'purgeCompiledModel:': ['void', object],
  'loadModel:options:qos:error:': ['byte', object, object, 'int', pointer],
  'evaluateWithModel:options:request:qos:error:': ['byte', object, object, object, 'int', pointer],
  'unloadModel:options:qos:error:': ['byte', object, object, 'int', pointer],
  'doEvaluateDirectWithModel:options:request:qos:error:': ['byte', object, object, object, 'int', pointer],
  'requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:procedureIndex:': [
    object,
    ...Array(7).fill(object),
  ],
};
