import type { Channel } from 'node:diagnostics_channel';
import { plainChannel, tracing } from '../tracing.js';
import type { MoveReason, PoolEvents } from './types.js';

/*
 * What a pool publishes on node:diagnostics_channel. `docs/reference/channels.md` describes every message. Subscribers are called where things
 * happen, before the state change is complete: they must not call the pool.
 */

/** A message on `mayfly:worker`, `mayfly:kernel` or `mayfly:pool`: an event of a pool, with its name. */
export type EventMessage<Name extends keyof PoolEvents> = {
  [Event in Name]: {
    readonly event: Event;
    /** The pool, to tell several apart. */
    readonly pool: object;
  } & (PoolEvents[Event] extends [infer Fields] ? Fields : unknown);
}[Name];

/** A message on `mayfly:worker`: a worker's state changed, or its device refused what the budget allows. */
export type WorkerMessage = EventMessage<
  'workerStart' | 'workerReady' | 'workerServe' | 'workerRetire' | 'workerDrain' | 'workerExit' | 'budgetLower'
>;

/** A message on `mayfly:kernel`: a kernel moved to another worker, or was given up. */
export type KernelMessage = EventMessage<'kernelMove' | 'kernelQuarantine'>;

/** A message on `mayfly:pool`: an injected fault, or calls are accepted again. */
export type PoolMessage = EventMessage<'fault' | 'drain'>;

/** A message on the tracing channel `mayfly:dispatch`: from when a run is sent to a worker until its answer, or the worker's end. */
export interface DispatchMessage {
  readonly pool: object;
  readonly kernel: string;
  readonly worker: number;
  readonly pid: number;
  /** Of the dispatch, unique with its worker. */
  readonly id: number;
  /** When it was sent, by `performance.now()`. */
  readonly sentMs: number;
  /** At the end: when the worker began and ended the evaluation, by the same clock; undefined if it failed. */
  evaluation?: { readonly beganMs: number; readonly endedMs: number; readonly nanoseconds: number };
  /** At the end: bytes between the arena and the device's own memory. */
  copiedBytes?: number;
  /** At the end, if the dispatch failed, or was lost with its worker (`ERR_WORKER_LOST`). */
  error?: unknown;
}

/** A message on the tracing channel `mayfly:compile`: one compilation on one worker. */
export interface CompileMessage {
  readonly pool: object;
  readonly kernel: string;
  readonly worker: number;
  readonly pid: number;
  readonly reason: MoveReason;
  /** At the end: when the worker began and ended it, by `performance.now()`; undefined if it failed. */
  compilation?: { readonly beganMs: number; readonly endedMs: number; readonly nanoseconds: number };
  /** At the end, if it failed. */
  error?: unknown;
}

export const dispatchChannel = tracing('mayfly:dispatch');
export const compileChannel = tracing('mayfly:compile');

const worker = plainChannel('mayfly:worker');
const kernel = plainChannel('mayfly:kernel');
const pool = plainChannel('mayfly:pool');

/** The channel of each event of a pool; compilations have one of their own. */
export const eventChannels = {
  workerStart: worker,
  workerReady: worker,
  workerServe: worker,
  workerRetire: worker,
  workerDrain: worker,
  workerExit: worker,
  budgetLower: worker,
  kernelMove: kernel,
  kernelQuarantine: kernel,
  fault: pool,
  drain: pool,
} as const satisfies Record<Exclude<keyof PoolEvents, 'compile'>, Channel>;
