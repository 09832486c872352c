/**
 * `@mayfly/core/watch`: runs as their logs tell them, for programs and for the page of `mayfly watch`.
 *
 * @module
 */
export { findRuns } from '../history/find-runs.js';
export type { LogRecord } from '../history/log-tail.js';
export { type EnergyPoint, type MemoryPoint, type Notice, RunHistory } from '../history/run-history.js';
export { type RunState, type RunStatus, runStatus } from '../history/run-state.js';
export { type StepColumn, StepTable, stepColumns } from '../history/step-table.js';
export { type KernelMove, type WorkerLife, WorkerLives } from '../history/worker-lives.js';
export type { RunDetail, RunEntry } from './run-views.js';
export { type WatchOptions, WatchServer } from './watch-server.js';
