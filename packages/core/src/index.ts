export { addon, type DType, MayflyError, MilError, type Port } from '@mayfly/native';
export { openData } from './data/open-data.js';
export { openTokenizer } from './data/open-tokenizer.js';
export type { TokenStream } from './data/token-stream.js';
export type { TokenDecoder, Tokenizer } from './data/tokenizer.js';
export * from './memory/arena.js';
export * from './memory/tensor.js';
export type { ModelConfig } from './model/config.js';
export { exportLlama2c, importLlama2c, readLlama2cConfig } from './model/llama2c.js';
export { loadModel, type ModelSource } from './model/load-model.js';
export { ParameterLayout } from './model/parameters.js';
export { presets } from './model/presets.js';
export type { Budget, RetirementReason } from './pool/budget.js';
export { WorkerExitError } from './pool/errors.js';
export { createPool, Pool } from './pool/pool.js';
export type { PoolEvents, PoolStats, WorkerSummary } from './pool/pool-events.js';
export type { PoolOptions } from './pool/pool-options.js';
export type { CallOptions, Kernel, PoolProgram, Tensors, WeightSource, WeightSources } from './pool/types.js';
export {
  type Checkpoint,
  type CheckpointHeader,
  readCheckpoint,
  readCheckpointHeader,
  type Sections,
  type WriteCheckpointOptions,
  writeCheckpoint,
} from './train/checkpoint.js';
