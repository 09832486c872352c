/**
 * `@mayfly/core`: pools of worker processes that run MIL programs on a device, and training on top of them. More is behind
 * `@mayfly/core/mil`, `/chips`, `/model`, `/observe`, `/checkpoint` and `/layers`.
 *
 * @module core
 */
export {
  type DeviceLimit,
  DeviceLimitError,
  type DType,
  type InputReuse,
  isMayflyError,
  type Matmul,
  MayflyError,
  MilError,
  type Port,
  type Precision,
} from '@mayfly/native';
export type { ArenaRange, Collective, CollectiveCallOptions } from './collective/collective.js';
export { type OpenCollectiveOptions, openCollective } from './collective/open-collective.js';
export type { ChatMessage, ChatTemplate, ChatText } from './data/chat-template.js';
export type { DataFormat } from './data/data-files.js';
export { type OpenDataOptions, openData } from './data/open-data.js';
export { openTokenizer } from './data/open-tokenizer.js';
export { splitTokens, TokenArray, type TokenParts, type TokenStream } from './data/token-stream.js';
export type { EncodeOptions, TokenDecoder, Tokenizer } from './data/tokenizer.js';
export type { TokenizerFiles } from './data/tokenizer-files.js';
export type { Activity } from './decoder/activities.js';
export type { GradientHistogram } from './decoder/gradient-histograms.js';
export type { LoraOptions, LoraSettings } from './decoder/lora-options.js';
export type { MuonScale } from './decoder/optimizer.js';
export type { ParameterGroup } from './decoder/parameter-groups.js';
export {
  type ExportDtype,
  type ExportFormat,
  type ExportOptions,
  type ExportSummary,
  exportModel,
} from './export/export-model.js';
export { type Chat, type ChatOptions, openChat } from './inference/chat.js';
export type { GeneratedToken } from './inference/continue-text.js';
export type { DataOptions } from './inference/data-options.js';
export { type EvaluateOptions, evaluate } from './inference/evaluate.js';
export { type ChoicesOptions, type ChoicesResult, evaluateChoices } from './inference/evaluate-choices.js';
export { type GenerateOptions, generate, type WritingOptions } from './inference/generate.js';
export type { InferenceOptions } from './inference/inference-session.js';
export type { SamplingOptions } from './inference/sampler.js';
export type { TokenGeneratorOptions } from './inference/token-generator.js';
export type { WindowLoss } from './inference/window-loss.js';
export type { PowerState, ThermalPressure } from './machine/power-state.js';
export type { Arena } from './memory/arena.js';
export { ArenaScope, type TensorSource } from './memory/scope.js';
export type { ArenaBlock, Tensor } from './memory/tensor.js';
export { MilBuilder } from './mil/builder.js';
export type { ModelConfig } from './model/config.js';
export { loadModel, type ModelSource } from './model/load-model.js';
export type { ParameterPiece, ParameterSink, ParameterTarget } from './model/parameter-pieces.js';
export { presets } from './model/presets.js';
export type { RopeScaling } from './model/rope.js';
export type { OptionOrigin } from './option-table.js';
export { type WorkerEnd, WorkerExitError } from './pool/errors.js';
export type { Pacing } from './pool/fleet/governor.js';
export { createPool, type Pool } from './pool/pool.js';
export type { ChaosOptions, PoolOptions, PoolTimeouts } from './pool/pool-options.js';
export type {
  CallOptions,
  Kernel,
  KernelSummary,
  MoveReason,
  PoolEvents,
  PoolProgram,
  PoolStats,
  RunOptions,
  Tensors,
  WeightSource,
  WeightSources,
  WorkerState,
  WorkerSummary,
} from './pool/types.js';
export type { Budget, RetirementReason } from './pool/worker/budget.js';
export type { Chaos } from './pool/worker/chaos-transport.js';
export type { LatencySummary } from './pool/worker/latency.js';
export type { RunRecord } from './run/run-records.js';
export { createTrainer } from './train/create-trainer.js';
export type { EnergyUse } from './train/energy-watch.js';
export type { FilledTrainOptions, NamedConfig, TrainOptions } from './train/options.js';
export type { KernelRange } from './train/range-check.js';
export type { WrittenCheckpoint } from './train/run-checkpoints.js';
export type { Sample } from './train/samples.js';
export type { StepRecord } from './train/train-step.js';
export type { EndReason, ExchangeSummary, TrainSummary } from './train/train-summary.js';
export type { Trainer, TrainerEvents } from './train/trainer.js';
export type { BestEvaluation, Evaluation } from './train/validation.js';
export type { WholeVocabularyLoss } from './train/whole-vocabulary-loss.js';
