export {
  addon,
  type ChipProfile,
  chipNames,
  type DeviceLimit,
  DeviceLimitError,
  type DType,
  type LintFinding,
  lint,
  loadProfile,
  MayflyError,
  MilError,
  type Port,
  type ProgramTime,
  parseProfile,
  timeMil,
} from '@mayfly/native';
export type { CheckpointHeader, Sections } from './checkpoint/format.js';
export { type Checkpoint, readCheckpoint, readCheckpointHeader } from './checkpoint/read.js';
export { type WriteCheckpointOptions, writeCheckpoint } from './checkpoint/write.js';
export { type Comparison, compareFigures, summarizeErrors } from './chips/calibration.js';
export {
  type KernelPlan,
  type PlanOptions,
  planTraining,
  type TrainingPlan,
  type WeightStrategy,
} from './chips/training-plan.js';
export { openData } from './data/open-data.js';
export { openTokenizer } from './data/open-tokenizer.js';
export { splitTokens, TokenArray, type TokenParts, TokenSlice, type TokenStream } from './data/token-stream.js';
export type { TokenDecoder, Tokenizer } from './data/tokenizer.js';
export { countWindows } from './data/windows.js';
export { programForm } from './machine/device.js';
export * from './memory/arena.js';
export { ArenaScope, type TensorSource } from './memory/scope.js';
export * from './memory/tensor.js';
export { MilBuilder } from './mil/builder.js';
export type { MilOptions, MilValue } from './mil/graph.js';
export type { MilProgram, PortType, WeightFileLayout, WeightRecord } from './mil/types.js';
export { fillWeightFile, writeBlobHeaders, writeRecord } from './mil/weight-file.js';
export type { ModelConfig } from './model/config.js';
export { isPreset, presets } from './model/config.js';
export { importHuggingFace } from './model/hugging-face.js';
export { readHuggingFaceConfig } from './model/hugging-face-config.js';
export { exportLlama2c, importLlama2c, readLlama2cConfig } from './model/llama2c.js';
export { loadModel, type ModelSource } from './model/load-model.js';
export { type ParameterEntry, ParameterLayout, type ParameterName } from './model/parameters.js';
export { openReporter } from './observe/open-reporter.js';
export type { Reporter } from './observe/reporter.js';
export { closingTable } from './observe/run-text.js';
export { printable } from './observe/text.js';
export { WorkerExitError } from './pool/errors.js';
export { createPool, Pool } from './pool/pool.js';
export type { PoolOptions } from './pool/pool-options.js';
export type {
  CallOptions,
  Kernel,
  PoolEvents,
  PoolProgram,
  PoolStats,
  Tensors,
  WeightSource,
  WeightSources,
  WorkerSummary,
} from './pool/types.js';
export type { Budget, RetirementReason } from './pool/worker/budget.js';
export { createTrainer, type TrainerExtras } from './train/create-trainer.js';
export { arenaBytesFor, Decoder, type DecoderOptions } from './train/decoder.js';
export { type EvaluateOptions, evaluate } from './train/evaluate.js';
export { type GeneratedToken, type GenerateOptions, generate } from './train/generate.js';
export { type DeviceOptions, InferenceSession } from './train/inference-session.js';
export type { FilledTrainOptions, TrainOptions } from './train/options.js';
export { Sampler, type SamplingOptions } from './train/sampler.js';
export type { StepRecord } from './train/train-step.js';
export type { EndReason, TrainSummary } from './train/train-summary.js';
export { Trainer, type TrainerEvents } from './train/trainer.js';
export type { WindowLoss } from './train/window-loss.js';
