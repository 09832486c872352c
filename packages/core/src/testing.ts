/**
 * The inside of this package, for the repository's own tests and benchmarks, from the same build that users get. Nothing here is
 * promised to stay.
 */
export { addon, mostSimilar } from '@mayfly/native';
export {
  bag,
  bagOf,
  flag,
  limit,
  milliseconds,
  number,
  numberOr,
  oneOf,
  pair,
  type Rule,
  range,
  text,
  whole,
} from './check.js';
export { partPath } from './checkpoint/directory.js';
export { createPart, moveCheckpoint } from './checkpoint/parts.js';
export { readCheckpoint, readCheckpointHeader } from './checkpoint/read.js';
export { beginCheckpoint, prepareCheckpoint, writeCheckpoint, writePart } from './checkpoint/write.js';
export { compareFigures, summarizeErrors } from './chips/calibration.js';
export { runProbe } from './chips/hardware-probes.js';
export { linkNames, links } from './chips/links.js';
export type { WeightStrategy } from './chips/plan-options.js';
export { planStep } from './chips/planned-step.js';
export { convolution } from './chips/probe-programs.js';
export { bytesOfRank, fullestRank } from './chips/rank-bytes.js';
export { exchangedBytes, planRanks } from './chips/rank-plan.js';
export { TABLES_RANK } from './chips/step-schedule.js';
export { mergesAfter } from './chips/sum-tree.js';
export { timeTrainer } from './chips/trainer-step.js';
export { trainers } from './chips/trainers.js';
export { planTraining } from './chips/training-plan.js';
export { defaultText } from './cli/command-options.js';
export { errorGroups, errorTable } from './cli/error-table.js';
export { createProgram } from './cli/program.js';
export { WatchPage } from './cli/watch-page.js';
export { launchVariables, launchWords } from './collective/launched.js';
export { findLaunch, isLaunchVariable } from './collective/launcher.js';
export { differentVersions } from './collective/one-library.js';
export { SingleGroup } from './collective/single-group.js';
export { commandOptions } from './command-line.js';
export { ByteTokenizer } from './data/byte-tokenizer.js';
export { checkTokens } from './data/check-tokens.js';
export { Llama2cTokenizer } from './data/llama2c-tokenizer.js';
export { openData } from './data/open-data.js';
export { openTokenizer } from './data/open-tokenizer.js';
export { PairMerger } from './data/pair-merger.js';
export { openTokenFile } from './data/token-file.js';
export { splitTokens, TokenArray, TokenSlice, type TokenStream } from './data/token-stream.js';
export type { Tokenizer } from './data/tokenizer.js';
export { countWindows, type WindowState, Windows } from './data/windows.js';
export { arenaBytesFor, Decoder } from './decoder/decoder.js';
export { gradientHistograms } from './decoder/gradient-histograms.js';
export { blocksFor, sumByTree } from './decoder/gradient-sums.js';
export { Optimizer } from './decoder/optimizer.js';
export { updateRules } from './decoder/parameter-groups.js';
export { type LayerCase, runLayer } from './decoder/run-layer.js';
export { Turns } from './decoder/turns.js';
export { WeightGradients, weightGradient } from './decoder/weight-gradients.js';
export { probeLimits } from './doctor/probe-limits.js';
export { ProbeWorker } from './doctor/probe-worker.js';
export { makeFolder } from './files/folders.js';
export { Float16Array } from './float16.js';
export { CachedDecoder } from './inference/cached-decoder.js';
export { InferenceSession } from './inference/inference-session.js';
export { Sampler } from './inference/sampler.js';
export { StopText } from './inference/stop-text.js';
export { openTextSession } from './inference/text-session.js';
export { Disturber } from './launch/disturber.js';
export { readHostfile } from './launch/hostfile.js';
export { findMpirun } from './launch/mpi.js';
export { mpirunCommand } from './launch/mpirun-command.js';
export { drawFaults, rankFaultsRule } from './launch/rank-faults.js';
export { decodeRankLines, encodeRankLine } from './launch/rank-lines.js';
export { answersFolder, MachineAnswers } from './machine/answers.js';
export { storedChoices } from './machine/choices.js';
export { programForm } from './machine/device.js';
export {
  limitsFile,
  readDialect,
  readMachineLimits,
  writeDialect,
  writeMachineLimits,
} from './machine/limits.js';
export { parsePowerState } from './machine/power-state.js';
export { PowerWatch } from './machine/power-watch.js';
export { Arena } from './memory/arena.js';
export { ArenaMeter, ArenaScope } from './memory/scope.js';
export { Tensor } from './memory/tensor.js';
export { MilBuilder } from './mil/builder.js';
export type { MilOptions, MilValue } from './mil/graph.js';
export type { Dialect } from './mil/types.js';
export { fillWeightFile, layOutWeightFile, writeBlobHeaders, writeRecord } from './mil/weight-file.js';
export type { ModelConfig } from './model/config.js';
export { countParameters, validateConfig } from './model/config.js';
export { initializeParameters } from './model/initialize.js';
export { exportLlama2c, importLlama2c, readLlama2cConfig } from './model/llama2c.js';
export { loadModel, type ModelSource } from './model/load-model.js';
export { layerParameters, ParameterLayout, type ParameterName } from './model/parameters.js';
export { presets } from './model/presets.js';
export { ropeTurns } from './model/rope.js';
export { aimsReport, compareReport } from './observe/aims-report.js';
export { calibrationReport } from './observe/calibration-report.js';
export { CsvSink } from './observe/csv.js';
export { curvesText } from './observe/curves-text.js';
export { MetricsServer } from './observe/metrics-server.js';
export { Observers } from './observe/observers.js';
export { ProtobufWriter } from './observe/protobuf.js';
export { RecordBatches } from './observe/record-batches.js';
export { markdownTable, textTable } from './observe/table.js';
export { TensorBoardSink } from './observe/tensorboard.js';
export { formatBytes, formatDuration, formatSmall, plural, printable, sparkline } from './observe/text.js';
export { DecimalText } from './observe/trace/decimal-text.js';
export { Governor, resolvePacing } from './pool/fleet/governor.js';
export { Health } from './pool/fleet/health.js';
export { Pool } from './pool/pool.js';
export { type PoolOptions, resolvePoolOptions } from './pool/pool-options.js';
export type { Kernel } from './pool/types.js';
export { poolEventNames } from './pool/types.js';
export {
  type Budget,
  defaultBudget,
  jittered,
  resolveBudget,
} from './pool/worker/budget.js';
export { Clock } from './pool/worker/clock.js';
export { LatencyHistogram, WorkHistory } from './pool/worker/latency.js';
export { Run, RunQueue } from './pool/worker/run.js';
export {
  processTransport,
  type StartTransport,
  type Transport,
  type TransportHandlers,
} from './pool/worker/transport.js';
export { retirementReason, type WorkerUsage } from './pool/worker/usage.js';
export { classifierPrograms } from './programs/classifier.js';
export { type DynamicLayerProgram, dynamicPrograms } from './programs/dynamic.js';
export type { ProgramForm } from './programs/form.js';
export { normalize } from './programs/rms-norm.js';
export {
  type FixedConstants,
  type LayerProgram,
  type ProgramShape,
  type Slot,
  type Surface,
  stackSurface,
  type WeightUse,
} from './programs/shape.js';
export { blockFlow } from './programs/stages.js';
export { type StaticLayerProgram, staticPrograms } from './programs/static.js';
export { structureOf } from './programs/structure.js';
export { gradientPrograms } from './programs/weight-gradients.js';
export { ProgramWriter } from './programs/writer.js';
export { isRunning, thisProcess } from './run/process-identity.js';
export { readRunFile, writeRunFile } from './run/run-file.js';
export { RunLock } from './run/run-lock.js';
export { RunLog, readRunLog } from './run/run-log.js';
export { recordFields, recordLine, runRecord, toJsonLine } from './run/run-records.js';
export { agreeOnForm, refusedBySome } from './train/agreed-form.js';
export { CheckpointSchedule } from './train/checkpoint-schedule.js';
export { SequenceDigest } from './train/digest.js';
export { LossScaler } from './train/loss-scaler.js';
export { type FilledTrainOptions, type PlainTrainOptions, trainOptions } from './train/options.js';
export { rangeProgram } from './train/range-program.js';
export { Ranks } from './train/ranks.js';
export { resolveTrainOptions, savedTrainOptions } from './train/resolve-options.js';
export { learningRate, type Schedule } from './train/schedules.js';
export { StepClock } from './train/step-clock.js';
export { halfCanary } from './variants/canaries.js';
export { MOST_COMPILATIONS, type ProgramJudge } from './variants/canary-device.js';
export { difference } from './variants/canary-programs.js';
export { checkChipRules } from './variants/chip-rules.js';
export type { Choices } from './variants/choose-form.js';
export { type ChoiceOptions, chooseForm } from './variants/choose-form.js';
