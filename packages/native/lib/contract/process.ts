import type { NativeArena } from './arena.js';

export interface SpawnOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Inherited as file descriptor 4; the connection is 3, stdin is /dev/null, stdout and stderr are the stderr pipe. */
  readonly arena: NativeArena;
  /** Also connects the two by a lane; the child inherits its memory and pipes as file descriptors 5 to 7. Default false. */
  readonly lane?: boolean;
  /** Called once, after the child was reaped. */
  readonly onExit: (exitCode: number | null, signal: string | null) => void;
}

export interface SpawnedProcess {
  readonly pid: number;
  /** The parent's end of the frame socket: hand it to `connect`. */
  readonly connectionFd: number;
  /** The read end of the child's stderr (and stdout): the caller closes it. */
  readonly stderrFd: number;
  /** The lane, if requested. Pass it to `connect`, which takes ownership. */
  readonly lane?: NativeLane;
}

/** The quick way beside a frame socket: rings of frames in shared memory, see `docs/internals/protocol.md`. */
export interface NativeLane {
  readonly [lane: symbol]: never;
}

export interface ConnectionHandlers {
  /**
   * A dispatch was answered: `status` 0 is success, else see `DispatchStatus`; `nanoseconds` is the device's time, `copiedBytes` what the
   * worker copied for it between the arena and the device's own memory, `prefetchedBytes` what of its input was there before.
   */
  readonly onCompletion: (
    id: number,
    status: number,
    nanoseconds: number,
    message: string,
    copiedBytes: number,
    prefetchedBytes: number,
  ) => void;
  /** The leading rows of a dispatch's output are in the arena, and the others will be. The completion follows. */
  readonly onLeading?: (id: number) => void;
  /** A control message came. The buffer is the receiver's own. */
  readonly onControl: (payload: Uint8Array) => void;
  /** The peer closed the socket, died, or broke the protocol (`error`). Called once; nothing follows. */
  readonly onClose: (error: Error | null) => void;
}

/**
 * Outcome of a dispatch on the wire. `failed` is a fault of the device, and the dispatch may succeed on another; `inputData` is
 * an error of the caller: the inputs hold values that the program cannot take on any device.
 */
export const DispatchStatus = { ok: 0, unknownProgram: 1, outOfBounds: 2, failed: 3, inputData: 4 } as const;

/** A matrix of an input, wherever it lies in the arena. Strides and `rowBytes` count bytes. */
export interface InputPart {
  /** Arena offset of its first row. */
  readonly from: number;
  readonly fromStride: number;
  /** Of its first row, in bytes from the beginning of the input, whose rows are those of its last axis. */
  readonly at: number;
  readonly rows: number;
  readonly rowBytes: number;
}

/**
 * What is known of a dispatch's first input and of its output, so that a device that copies them (ane) copies less: with
 * dynamic weights, the weight columns of an input change once per update, its activations with every dispatch.
 */
export interface InputReuse {
  /** The first columns (along the last axis) of each row: they may differ from the last dispatch with this offset. */
  readonly freshColumns: number;
  /**
   * All other columns hold what they held at any earlier dispatch, of any program, with this offset and this generation, or what a
   * dispatch with this `outputGeneration` wrote there. From 1 to 2³² − 1; 0: nothing is reused.
   */
  readonly generation: number;
  /** Names what this dispatch writes, as long as the output's memory holds it. From 1 to 2³² − 1. Default: it has no name. */
  readonly outputGeneration?: number | undefined;
  /**
   * All that the program reads of the fresh columns, 255 at most. Where the input itself has other values they are undefined after the dispatch.
   * Default: the fresh columns as they are in the input.
   */
  readonly parts?: readonly InputPart[] | undefined;
  /**
   * Rows of the output, from the first on, that are needed first, at most 65,534: others may reach the arena beside the evaluations that follow. The
   * completion comes once all are there. Default: all.
   */
  readonly leadingRows?: number | undefined;
}

/** The main process's end of a frame socket. Never blocks: data that the socket does not accept is queued. */
export interface Connection {
  /** One program with one input and one output. `id` is any integer below 2^53 and comes back in the completion. */
  dispatch(id: number, program: number, inputOffset: number, outputOffset: number, reuse?: InputReuse): void;
  /**
   * Lets the worker copy, beside other dispatches, what a later dispatch with this input reads: the columns that are not fresh, and
   * `reuse.parts`, which may be some of that dispatch's. All of it has to stay as it is until then. Devices that compute in place
   * ignore it. Not answered.
   */
  prefetch(program: number, inputOffset: number, reuse: InputReuse): void;
  /** Any number of ports: input offsets, then output offsets. */
  dispatchPorts(id: number, program: number, offsets: readonly number[]): void;
  control(payload: Uint8Array): void;
  /** Bytes accepted but not yet taken by the socket. */
  readonly queuedBytes: number;
  /** When the evaluation of the completion that is being handled ended, in nanoseconds of `process.hrtime`; 0 if it failed. */
  readonly evaluationEnd: number;
  /** While referenced, or with a dispatch unanswered, an open connection keeps the event loop alive (initially it does not). */
  ref(): void;
  unref(): void;
  /** Closes the socket; `onClose` is not called. Idempotent. */
  close(): void;
}

/** The worker's end of a frame socket. */
export interface WorkerSocket {
  /**
   * Answers dispatches natively until a control message comes, and returns that; null at end of file (the parent died
   * or closed). Blocks the thread.
   */
  serve(): Uint8Array | null;
  send(payload: Uint8Array): void;
}
