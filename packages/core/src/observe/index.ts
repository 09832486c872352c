/**
 * `@mayfly/core/observe`: a run as people and programs see it.
 *
 * @module
 */
export type { ActivityMessage } from '../decoder/activities.js';
export type {
  CompileMessage,
  DispatchMessage,
  EventMessage,
  KernelMessage,
  PoolMessage,
  WorkerMessage,
} from '../pool/channels.js';
export type { EnergyMessage, StepMessage, TrainerWorkMessage } from '../train/channels.js';
export { openReporter } from './open-reporter.js';
export { PoolMetrics } from './pool-metrics.js';
export type { Reporter } from './reporter.js';
export { closingTable } from './run-text.js';
export { type Output, printable } from './text.js';
export { openTrace } from './trace/open-trace.js';
