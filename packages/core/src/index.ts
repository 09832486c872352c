export { addon, type DType, MayflyError, MilError, type Port } from '@mayfly/native';
export * from './memory/arena.js';
export * from './memory/tensor.js';
export type { Budget, RetirementReason } from './pool/budget.js';
export { WorkerExitError } from './pool/errors.js';
export { createPool, Pool } from './pool/pool.js';
export type { PoolEvents, PoolStats, WorkerSummary } from './pool/pool-events.js';
export type { PoolOptions } from './pool/pool-options.js';
export type { CallOptions, Kernel, PoolProgram, Tensors, WeightSource, WeightSources } from './pool/types.js';
