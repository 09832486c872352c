/**
 * `@mayfly/core/model`: model files of other programs, read and written, and where each parameter lies.
 *
 * @module
 */
export type { ModelConfig } from './config.js';
export { importHuggingFace } from './hugging-face.js';
export { readHuggingFaceConfig } from './hugging-face-config.js';
export { exportLlama2c, importLlama2c, readLlama2cConfig } from './llama2c.js';
export { loadModel, type ModelSource } from './load-model.js';
export type { ParameterPiece, ParameterSink, ParameterTarget } from './parameter-pieces.js';
export {
  type LayerParameter,
  type ModelParameter,
  type ParameterEntry,
  ParameterLayout,
  type ParameterName,
  type ParameterPart,
} from './parameters.js';
export { isPreset, type PresetName, presets } from './presets.js';
export type { RopeScaling } from './rope.js';
