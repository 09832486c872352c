import type { AneInspection } from './contract/ane-inspection.js';
import type { NativeArena } from './contract/arena.js';
import type { NativeCollective } from './contract/collective.js';
import type { DeviceOptions, NativeDevice } from './contract/device.js';
import type { HostMath, Matmul, QueuedMath } from './contract/host-math.js';
import type { MilFunction, MilRecordFinding } from './contract/mil-function.js';
import type {
  Connection,
  ConnectionHandlers,
  NativeLane,
  SpawnedProcess,
  SpawnOptions,
  WorkerSocket,
} from './contract/process.js';
import type { DeviceLimit } from './errors.js';

export * from './contract/ane-inspection.js';
export * from './contract/arena.js';
export * from './contract/collective.js';
export * from './contract/device.js';
export * from './contract/host-math.js';
export * from './contract/mil-function.js';
export * from './contract/process.js';

/**
 * The exports of `mayfly.node` as types. Only this package loads the file.
 *
 * Memory is named by byte offsets into an arena. Matrices are row-major; a channel-first activation of `channels`
 * rows and `columns` columns (one column per token) has element (c, n) at `c * rowStride + n`. Row strides count
 * elements. fp16 is IEEE binary16. Every function throws an error with a `code` (see `docs/reference/errors.md`) on bad
 * arguments, on an offset outside the arena among them.
 */
export interface Addon {
  /** Linux: memfd, sealed against shrinking; macOS: unlinked shm. Sparse until populated. */
  createArena(bytes: number): NativeArena;
  /**
   * Bytes that may still be committed: the least of what the system has and of the room in every memory cgroup around this
   * process (version 1 and 2). 2⁶⁴ where the system does not say. `root`: where /proc and /sys are; for tests.
   */
  availableMemory(root?: string): number;
  /** Maps an inherited descriptor (a worker's fd 4) and sets close-on-exec on it. */
  attachArena(fd: number): NativeArena;
  /** posix_spawn: costs the same whatever the parent's memory (libuv's fork does not). Main thread only. */
  spawn(options: SpawnOptions): SpawnedProcess;
  /** Two joined stream sockets, close-on-exec: for `connect` and `serveSocket` within one process. */
  socketPair(): [number, number];
  /** The main process's end of a frame socket; takes the descriptor over. Errors: `ERR_CONNECT`. */
  connect(fd: number, handlers: ConnectionHandlers, lane?: NativeLane): Connection;
  /** `cpu`, or `sim:<chip>` (see `docs/internals/simulator.md`). Errors: `ERR_DEVICE_UNAVAILABLE`, `ERR_CHIP_UNKNOWN`. */
  openDevice(name: string, arena: NativeArena, options?: DeviceOptions): NativeDevice;
  /** Devices of this machine; simulated ones are not among them: see `chipNames`. */
  deviceNames(): string[];
  /**
   * Parses MIL text, and gives one function: by default `main`, or the first if none has that name. Errors: `ERR_MIL_SYNTAX`;
   * `ERR_INVALID_ARGUMENT` for a name that no function has.
   */
  inspectMil(text: string, name?: string): MilFunction;
  /** The records of weight files that the text names and that cannot be read, or do not describe their tensor. Errors: `ERR_MIL_SYNTAX`. */
  inspectRecords(
    text: string,
    files: readonly { readonly path: string; readonly data: Uint8Array }[],
  ): MilRecordFinding[];
  /** The serve loop of a worker over an inherited descriptor. */
  serveSocket(
    fd: number,
    device: NativeDevice,
    lane?: readonly [memory: number, bellIn: number, bellOut: number],
  ): WorkerSocket;
  /** Asks the kernel to kill this process when its parent dies (Linux), and exits at once if it already did. */
  dieWithParent(parentPid: number): void;
  /**
   * From now on each of these signals writes `farewell` (256 bytes at most) to stderr and ends the process with exit code 128
   * + its number, even while JavaScript is busy. A listener of `process` takes its place, and when it goes the system's default.
   */
  exitOnSignals(signals: readonly number[], farewell: string): void;
  /** Replaces the descriptor of a closed terminal by one of /dev/null, since Node would abort at its exit. */
  redirectToNull(fd: number): void;
  /** Number of descriptors that this process may have open (RLIMIT_NOFILE); Infinity if there is no limit. */
  descriptorLimit(): number;
  /** Says how errors are made, so that they have their class and stack. Called once per thread, by the loader. */
  setErrorFactory(
    factory: (code: string, message: string, line: number, column: number, limit: DeviceLimit | '') => Error,
  ): void;
  /** Instruction set in use: 'amx' (with the vectors of avx512), 'avx512', 'avx2', 'neon' or 'portable'. */
  isa(): string;
  /** Why an instruction set that the processor announces is not used, as a sentence; null where all is well. */
  isaFault(): string | null;
  /** The method of matrix products at precision 'fast'; 'exact' if no method is faster than the exact products. */
  fastMatmul(): Matmul;
  /**
   * The library of precision 'blas', which this loads: Accelerate on a Mac, elsewhere OpenBLAS, or the one that the variable
   * MAYFLY_BLAS names. Throws `ERR_BLAS` if it cannot be loaded or multiplies wrongly.
   */
  blas(): string;
  collective: NativeCollective;
  ane: AneInspection;
  math: HostMath;
  mathQueue: QueuedMath;
}
