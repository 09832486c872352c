/**
 * Every message between the main process and a worker; both sides import this file and nothing else of each other.
 *
 * Dispatches and completions are fixed 64-byte frames (see `docs/protocol.md`) that only native code reads. Everything
 * else is a control message: one of the unions below, packed by msgpack, in order with the dispatches around it.
 */
import type { DeviceStats, ErrorDetails, Precision, ProgramInfo, WeightRange } from '@mayfly/native';
import { Packr } from 'msgpackr/pack';

/** Raised by one with every change of a message or of the frame; both sides must agree. */
export const PROTOCOL_VERSION = 5;

/** File descriptors a worker inherits beside stdin, stdout and stderr. */
export const CONNECTION_FD = 3;
export const ARENA_FD = 4;
/** The lane: its memory, where the main process rings, where the worker rings. */
export const LANE_FDS = [5, 6, 7] as const;

/** How a worker is started: JSON in `argv[2]`. */
export interface WorkerSettings {
  readonly protocol: number;
  readonly parentPid: number;
  /** Identifies the worker for the life of its pool. */
  readonly worker: number;
  readonly device: string;
  readonly threads: number;
  readonly precision: Precision;
}

/** An error as it crosses the wire. */
export interface WireError extends ErrorDetails {
  readonly code: string;
  readonly message: string;
}

/** Main process → worker. `request` comes back in the answer. */
export type WorkerRequest =
  | {
      readonly type: 'compile';
      readonly request: number;
      readonly text: string;
      readonly weights: readonly WeightRange[];
    }
  | { readonly type: 'unload'; readonly request: number; readonly program: number }
  /** Unload everything and exit with code 0, after an answer. */
  | { readonly type: 'retire'; readonly request: number };

/** Worker → main process. */
export type WorkerResponse =
  | {
      readonly type: 'ready';
      readonly protocol: number;
      readonly pid: number;
      readonly device: string;
      readonly isa: string;
    }
  | { readonly type: 'compiled'; readonly request: number; readonly info: ProgramInfo; readonly stats: WorkerStats }
  | { readonly type: 'unloaded'; readonly request: number; readonly stats: WorkerStats }
  | { readonly type: 'retiring'; readonly request: number; readonly stats: WorkerStats }
  | { readonly type: 'error'; readonly request: number; readonly error: WireError; readonly stats: WorkerStats };

/** What a worker knows of itself; travels with every answer. */
export interface WorkerStats extends DeviceStats {
  /** Resident set of the worker process, shared arena pages included. */
  readonly processBytes: number;
}

// Records would be per-connection state; plain maps keep each message independent of all others.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

export const packMessage = (message: WorkerRequest | WorkerResponse): Uint8Array => packr.pack(message);

export const unpackRequest = (payload: Uint8Array): WorkerRequest => packr.unpack(payload) as WorkerRequest;

export const unpackResponse = (payload: Uint8Array): WorkerResponse => packr.unpack(payload) as WorkerResponse;
