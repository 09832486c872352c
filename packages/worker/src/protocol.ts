/**
 * Every message between the main process and a worker; both sides import this file and nothing else of each other.
 *
 * Dispatches and completions are fixed 64-byte frames (see `docs/internals/protocol.md`) that only native code reads. Everything
 * else is a control message: one of the unions below, packed by msgpack, in order with the dispatches around it.
 */
import type {
  AneApi,
  CompileOptions,
  DeviceStats,
  ErrorDetails,
  Port,
  Precision,
  ProgramInfo,
  WeightRange,
} from '@mayfly/native';
import { type Check, errorCode, fields, list, oneOf, optional, protocolError, text, whole } from './check.js';
import { msgpack } from './msgpack.js';
import { type MsgpackBounds, msgpackFault } from './msgpack-bounds.js';

export { protocolError } from './check.js';
export { type Msgpack, msgpack } from './msgpack.js';
export { type MsgpackBounds, msgpackFault } from './msgpack-bounds.js';

/** Raised by one with every change of a message or of the frame; both sides must agree. */
export const PROTOCOL_VERSION = 10;

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

const positive: Check = (value, at) => {
  whole(value, at);
  if (value === 0) throw protocolError(`${at} to be 1 or more`, '0');
};

/** Errors: `ERR_PROTOCOL`, where a parent of another version says so, too. */
export function parseSettings(json: string | undefined): WorkerSettings {
  let settings: unknown;
  try {
    settings = JSON.parse(json ?? '');
  } catch {
    throw protocolError('settings in JSON', 'something else');
  }
  const parent = (settings as { protocol?: unknown } | null)?.protocol;
  if (parent !== PROTOCOL_VERSION) throw protocolError(`to be started by protocol ${PROTOCOL_VERSION}`, String(parent));
  fields<WorkerSettings>({
    ...{ protocol: whole, parentPid: whole, worker: whole, device: text, threads: positive },
    precision: oneOf('exact', 'fast', 'blas'),
  })(settings, 'settings');
  return settings as WorkerSettings;
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
      readonly options?: CompileOptions;
    }
  | { readonly type: 'unload'; readonly request: number; readonly program: number }
  | { readonly type: 'measure'; readonly request: number }
  /** Unload everything and exit with code 0, after an answer. */
  | { readonly type: 'retire'; readonly request: number };

/** Worker → main process. */
export type WorkerResponse =
  | {
      readonly type: 'ready';
      readonly protocol: number;
      readonly pid: number;
      readonly device: string;
      /** The API through which device `ane` is used; null for others. */
      readonly api: AneApi | null;
      readonly isa: string;
    }
  | {
      readonly type: 'compiled';
      readonly request: number;
      readonly info: ProgramInfo;
      /** When the compilation ended, in microseconds of `process.hrtime`, which is the same clock in all processes. */
      readonly endedUs: number;
      readonly stats: WorkerStats;
    }
  | { readonly type: 'unloaded'; readonly request: number; readonly stats: WorkerStats }
  | { readonly type: 'measured'; readonly request: number; readonly stats: WorkerStats }
  | { readonly type: 'retiring'; readonly request: number; readonly stats: WorkerStats }
  | { readonly type: 'error'; readonly request: number; readonly error: WireError; readonly stats: WorkerStats };

/** Measurements of a worker; every answer contains them. */
export interface WorkerStats extends DeviceStats {
  /** Resident memory of the worker process: on Linux without pages that it shares, such as the arena's; elsewhere with them. */
  readonly processBytes: number;
}

/** The type of a request's answer, unless it is an error. */
export interface AnswerTypes {
  readonly compile: 'compiled';
  readonly unload: 'unloaded';
  readonly measure: 'measured';
  readonly retire: 'retiring';
}
export const answerTypes: AnswerTypes = {
  compile: 'compiled',
  unload: 'unloaded',
  measure: 'measured',
  retire: 'retiring',
};

/** The largest request and the largest answer. A request may contain a whole program; answers are short. */
export const MOST_REQUEST_BYTES = 2 ** 28;
export const MOST_ANSWER_BYTES = 2 ** 24;
/** Weight files of one program. */
export const MOST_WEIGHTS = 2 ** 15;
/** Checked before a message is decoded, to bound the memory and time that a hostile one takes. */
const bounds: MsgpackBounds = { levels: 8, values: 2 ** 18, extensions: new Set() };

type OneOf<Union, Type> = Extract<Union, { type: Type }>;
const type = text;
const request = whole;

const requests: { readonly [Type in WorkerRequest['type']]: Check } = {
  compile: fields<OneOf<WorkerRequest, 'compile'>>({
    ...{ type, request, text },
    weights: list(fields<WeightRange>({ path: text, offset: whole, bytes: whole }), MOST_WEIGHTS),
    options: optional(fields<CompileOptions>({ function: optional(text), unchecked: optional(oneOf(true, false)) })),
  }),
  unload: fields<OneOf<WorkerRequest, 'unload'>>({ type, request, program: whole }),
  measure: fields<OneOf<WorkerRequest, 'measure'>>({ type, request }),
  retire: fields<OneOf<WorkerRequest, 'retire'>>({ type, request }),
};

const dtype = oneOf('fp16', 'fp32', 'int32', 'bool', 'int8', 'uint8', 'int16', 'uint16');
const ports = list(fields<Port>({ name: text, dtype, shape: list(whole), bytes: whole }));
const info = fields<ProgramInfo>({
  ...{ program: whole, inputs: ports, outputs: ports },
  ...{ residentBytes: whole, compilations: whole, nanoseconds: whole, warnings: list(text, 100) },
});
const stats = fields<WorkerStats>({
  ...{ compilations: whole, livePrograms: whole, evaluations: whole, residentBytes: whole },
  ...{ evaluateNanoseconds: whole, compileNanoseconds: whole, processBytes: whole },
  ...{ copiedInBytes: whole, copiedOutBytes: whole, prefetchedBytes: whole },
});
const error = fields<WireError>({
  ...{ code: errorCode, message: text, line: optional(whole), column: optional(whole) },
  limit: optional(oneOf('compilations', 'livePrograms', null)),
});

const responses: { readonly [Type in WorkerResponse['type']]: Check } = {
  ready: fields<OneOf<WorkerResponse, 'ready'>>({
    ...{ type, protocol: oneOf(PROTOCOL_VERSION), pid: whole, device: text, isa: text },
    api: oneOf('in-memory', 'client', null),
  }),
  compiled: fields<OneOf<WorkerResponse, 'compiled'>>({ type, request, info, endedUs: whole, stats }),
  unloaded: fields<OneOf<WorkerResponse, 'unloaded'>>({ type, request, stats }),
  measured: fields<OneOf<WorkerResponse, 'measured'>>({ type, request, stats }),
  retiring: fields<OneOf<WorkerResponse, 'retiring'>>({ type, request, stats }),
  error: fields<OneOf<WorkerResponse, 'error'>>({ type, request, error, stats }),
};

// Records would be per-connection state; plain maps keep each message independent of all others.
const packr = msgpack('number');

/** Errors: `ERR_PROTOCOL` where the other side would not decode it. */
export function packMessage(message: WorkerRequest | WorkerResponse): Uint8Array {
  const payload = packr.pack(message);
  assertBounded(payload, Object.hasOwn(requests, message.type) ? MOST_REQUEST_BYTES : MOST_ANSWER_BYTES);
  return payload;
}

/** Errors: `ERR_PROTOCOL` where it is no request. */
export const unpackRequest = (payload: Uint8Array): WorkerRequest =>
  unpack(payload, MOST_REQUEST_BYTES, requests) as WorkerRequest;

/** Errors: `ERR_PROTOCOL` where it is no response. */
export const unpackResponse = (payload: Uint8Array): WorkerResponse =>
  unpack(payload, MOST_ANSWER_BYTES, responses) as WorkerResponse;

function unpack(payload: Uint8Array, most: number, checks: Readonly<Record<string, Check>>): unknown {
  assertBounded(payload, most);
  let message: unknown;
  try {
    message = packr.unpack(payload);
  } catch (cause) {
    throw protocolError('a message', `one that msgpackr refuses: ${(cause as Error).message}`);
  }
  const named = (message as { type?: unknown } | null | undefined)?.type;
  if (typeof named !== 'string' || !Object.hasOwn(checks, named)) {
    throw protocolError(`a message of type ${Object.keys(checks).join(' or ')}`, 'another');
  }
  checks[named]!(message, named);
  return message;
}

function assertBounded(payload: Uint8Array, most: number): void {
  const { buffer, byteOffset, length } = payload;
  const fault = length > most ? `${length} bytes` : msgpackFault(Buffer.from(buffer, byteOffset, length), bounds);
  if (fault !== null) throw protocolError(`a message of plain data, of at most ${most} bytes`, fault);
}
