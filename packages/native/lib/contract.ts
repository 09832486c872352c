/**
 * The addon's whole surface, written as types: nothing else touches the `.node` file.
 *
 * Memory is named by byte offsets into an arena. Matrices are row-major; a channel-first activation of `channels`
 * rows and `columns` columns (one column per token) has element (c, n) at `c * rowStride + n`. Row strides count
 * elements. fp16 is IEEE binary16. Every function throws an error with a `code` (see `docs/errors.md`) on bad
 * arguments, on an offset outside the arena among them.
 */

export type DType = 'fp16' | 'fp32' | 'int32' | 'bool' | 'int8' | 'uint8' | 'int16' | 'uint16';

/** One input or output of a program. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** A process-wide mapping of shared memory with no name in the file system. */
export interface NativeArena {
  /** Identifies the mapping within this process, so that other threads can `findArena` it. */
  readonly id: number;
  readonly bytes: number;
  /** Commits pages, so that running out of memory is an error here (`ERR_ARENA_FULL`) and no SIGBUS later. */
  populate(offset: number, bytes: number): void;
  /** Gives pages back to the system; they read as zero afterwards. */
  discard(offset: number, bytes: number): void;
  /** A view on live shared memory. Views of one 4 GiB window share one ArrayBuffer; a view must not cross windows. */
  view(offset: number, bytes: number): Uint8Array;
  /** Bytes of committed pages. */
  residentBytes(): number;
  /** Drops this process's mapping once no dispatch or math call uses it. Views must no longer be touched. */
  close(): void;
}

export interface SpawnOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Inherited as file descriptor 4; the connection is 3, stdin is /dev/null, stdout and stderr are the stderr pipe. */
  readonly arena: NativeArena;
  /** Joins the two by a lane too, whose ends the child inherits as file descriptors 5 to 7. Default false. */
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
  /** Where one was asked for: hand it to `connect`. */
  readonly lane?: NativeLane;
}

/** The quick way beside a frame socket: rings of frames in shared memory, see `docs/protocol.md`. */
export interface NativeLane {
  readonly [lane: symbol]: never;
}

export interface ConnectionHandlers {
  /** A dispatch was answered: `status` 0 is success, else see `DispatchStatus`; `nanoseconds` is the device's time. */
  readonly onCompletion: (id: number, status: number, nanoseconds: number, message: string) => void;
  /** A control message came. The buffer is the receiver's own. */
  readonly onControl: (payload: Uint8Array) => void;
  /** The peer closed the socket, died, or broke the protocol (`error`). Called once; nothing follows. */
  readonly onClose: (error: Error | null) => void;
}

/** Outcome of a dispatch on the wire. */
export const DispatchStatus = { ok: 0, unknownProgram: 1, outOfBounds: 2, failed: 3 } as const;

/**
 * What a caller promises of the first input of a dispatch, so that a device that copies its inputs (ane) copies less:
 * with dynamic weights, the weight columns of an input change once per update, its activations with every dispatch.
 */
export interface InputPromise {
  /** The first columns (along the last axis) of each row: they may differ from the last dispatch with this offset. */
  readonly freshColumns: number;
  /**
   * All other columns hold what they held at any earlier dispatch of this program with this offset and this
   * generation. From 1.
   */
  readonly generation: number;
}

/** The main process's end of a frame socket. Never blocks: what the socket will not take is queued. */
export interface Connection {
  /** One program with one input and one output. `id` is any integer below 2^53 and comes back in the completion. */
  dispatch(id: number, program: number, inputOffset: number, outputOffset: number, promise?: InputPromise): void;
  /** Any number of ports: input offsets, then output offsets. */
  dispatchPorts(id: number, program: number, offsets: readonly number[]): void;
  control(payload: Uint8Array): void;
  /** Bytes accepted but not yet taken by the socket. */
  readonly queuedBytes: number;
  /** While referenced, an open connection keeps the event loop alive (initially it does not). */
  ref(): void;
  unref(): void;
  /** Closes the socket; `onClose` is not called. Idempotent. */
  close(): void;
}

export interface ProgramInfo {
  readonly program: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly residentBytes: number;
  /** What it took of the limit of compilations: 0 where the device had it compiled already, else 1. */
  readonly compilations: number;
  readonly nanoseconds: number;
}

export interface DeviceStats {
  readonly compilations: number;
  readonly livePrograms: number;
  readonly evaluations: number;
  readonly residentBytes: number;
  readonly evaluateNanoseconds: number;
  readonly compileNanoseconds: number;
}

/** A weight file of a program: a range of the arena, read only while compiling. */
export interface WeightRange {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

/** One open device and the programs loaded on it, in this process. */
export interface NativeDevice {
  readonly name: string;
  compile(text: string, weights: readonly WeightRange[]): ProgramInfo;
  /** Synchronous evaluation, for tests and in-process use; offsets as in `Connection.dispatchPorts`. */
  evaluate(program: number, offsets: readonly number[], promise?: InputPromise): void;
  unload(program: number): void;
  stats(): DeviceStats;
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

/** A matrix product C = alpha·A·B + beta·C: A is `m` × `k`, B `k` × `n`, C `m` × `n`. Strides are elements from row to row. */
export interface MatrixProduct {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: number;
  readonly aType: 'fp16' | 'fp32';
  readonly aStride: number;
  /** A is stored as its transpose, `k` rows of `m`. Default false. */
  readonly aTransposed?: boolean;
  readonly b: number;
  readonly bType: 'fp16' | 'fp32';
  readonly bStride: number;
  /** B is stored as its transpose, `n` rows of `k`. Default false. */
  readonly bTransposed?: boolean;
  readonly c: number;
  readonly cType: 'fp16' | 'fp32';
  readonly cStride: number;
  /** Default 1. */
  readonly alpha?: number;
  /** Default 0, which never reads C. */
  readonly beta?: number;
  readonly precision?: Precision;
}

/**
 * How exact the products of matrices are. 'exact' (default): at least as exact as a sum of the products of fp16 or fp32
 * operands in fp32. 'fast': operands rounded to bf16, sums in fp32, where `fastProducts` names what does it; elsewhere exact.
 */
export type Precision = 'exact' | 'fast';

export type FastProducts = 'amx-fp16' | 'amx-bf16' | 'avx512-bf16' | 'exact';

/** A matrix product C += A·Bᵀ (both operands with contiguous columns), the form of every weight gradient. */
export interface OuterProduct {
  readonly a: number;
  readonly aType: 'fp16' | 'fp32';
  readonly aStride: number;
  readonly b: number;
  readonly bType: 'fp16' | 'fp32';
  readonly bStride: number;
  /** fp32, rows contiguous: `m` × `n`. */
  readonly c: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly precision?: Precision;
  /** c = the product, rather than c + the product. Default false. */
  readonly overwrite?: boolean;
}

/** Host math on arena memory. Calls run on the calling thread, with the native thread pool where it pays. */
export interface HostMath {
  /**
   * Keeps the calling thread on processor `index`, modulo their number, of those that the process may run on: schedulers
   * leave two busy threads on one processor for a while, beside an idle one. Without effect where the system has no such
   * thing. Never for the main thread, which threads started later take after.
   */
  keepOnProcessor(index: number): void;
  /** Threads that host math may use in this process, the caller included. Default: available parallelism. */
  setThreads(count: number): void;

  /** out[d, n] = table[tokens[n], d]. table fp32 [vocab, dim]; tokens int32 [columns]; out fp32 [dim, columns]. */
  embed(
    arena: NativeArena,
    o: { table: number; tokens: number; out: number; vocab: number; dim: number; columns: number },
  ): void;
  /** tableGradient[tokens[n], d] += gradient[d, n], in order of n. */
  embedBackward(
    arena: NativeArena,
    o: { gradient: number; tokens: number; tableGradient: number; vocab: number; dim: number; columns: number },
  ): void;

  /**
   * Residual add and RMSNorm in one pass: sum = x + addend (addend optional, fp16); out = sum · rsqrt(mean_d sum² + eps) · weight.
   * x and sum are fp32 [dim, columns] (may be the same block); out is fp16 or fp32 with a row stride, or absent.
   */
  residualNorm(
    arena: NativeArena,
    o: {
      x: number;
      addend?: number;
      addendStride?: number;
      sum?: number;
      weight: number;
      out?: number;
      outType?: 'fp16' | 'fp32';
      outStride?: number;
      eps: number;
      dim: number;
      columns: number;
    },
  ): void;
  /**
   * Backward of RMSNorm (Zhang & Sennrich 2019), with g = weight ∘ dOut and r = rsqrt(mean x² + eps):
   * dx += r·(g − x·r²·mean(g ∘ x)); dWeight += Σ_n dOut ∘ x·r, or = with `overwrite`. x fp16 or fp32; dOut fp16 or fp32 with a row stride;
   * dx fp32 [dim, columns], added to; `out` (optional) receives dx as fp16 with a row stride.
   */
  normBackward(
    arena: NativeArena,
    o: {
      x: number;
      xType: 'fp16' | 'fp32';
      xStride: number;
      weight: number;
      dOut: number;
      dOutType: 'fp16' | 'fp32';
      dOutStride: number;
      dx: number;
      dWeight: number;
      overwrite?: boolean;
      out?: number;
      outStride?: number;
      eps: number;
      dim: number;
      columns: number;
    },
  ): void;

  /**
   * Classifier and mean cross-entropy (natural log) together: logits[v, n] = Σ_d table[v, d]·x[d, n]. Returns the sum over
   * columns of −log softmax(logits)[targets[n]]. With gradients: dx = gradientScale · dLoss/dx (overwritten) and
   * dTable += gradientScale · dLoss/dTable (or = with `overwrite`) where Loss is that sum. x, dx fp32 [dim, columns]; table fp32 [vocab, dim].
   */
  crossEntropy(
    arena: NativeArena,
    o: {
      x: number;
      table: number;
      targets: number;
      vocab: number;
      dim: number;
      columns: number;
      dx?: number;
      dTable?: number;
      overwrite?: boolean;
      gradientScale?: number;
    },
  ): number;
  /** logits[v] = Σ_d table[v, d]·x[d, column], fp32 [vocab]. */
  logits(
    arena: NativeArena,
    o: { x: number; column: number; columns: number; table: number; out: number; vocab: number; dim: number },
  ): void;

  /** Rotates interleaved pairs (2i, 2i+1) or halves (i, i + d/2) of each head in place (Su et al. 2021). x fp32 [heads·headDim, columns]; position of column n is n mod sequence. */
  rope(
    arena: NativeArena,
    o: {
      x: number;
      heads: number;
      headDim: number;
      columns: number;
      sequence: number;
      base: number;
      pairing: 'interleaved' | 'half';
      inverse: boolean;
    },
  ): void;

  /** C = alpha·A·B + beta·C, with fp32 accumulation in one order whatever the threads. */
  gemm(arena: NativeArena, product: MatrixProduct): void;

  /** Runs products in order, on the calling thread alone. Each element's sum runs over k from first to last whatever the threads. */
  outerProducts(arena: NativeArena, products: readonly OuterProduct[]): void;

  /**
   * Decoupled AdamW (Loshchilov & Hutter 2019) on a flat fp32 range: g = gradient·gradientScale;
   * m, v updated; w −= lr·(m̂/(√v̂ + eps) + weightDecay·w), with m̂ and v̂ corrected for `step` (from 1).
   * `half` (optional) receives w, seen as rows of `columns` (which `count` must be a multiple of), as fp16 with a row stride;
   * transposed: half[c, r].
   */
  adamw(
    arena: NativeArena,
    o: {
      weights: number;
      gradients: number;
      m: number;
      v: number;
      count: number;
      lr: number;
      beta1: number;
      beta2: number;
      eps: number;
      weightDecay: number;
      step: number;
      gradientScale: number;
      half?: number;
      halfStride?: number;
      columns?: number;
      transpose?: boolean;
    },
  ): void;
  /** Σ x² in double precision over fp32, independent of threads. Infinity or NaN in x gives a non-finite result. */
  sumOfSquares(arena: NativeArena, offset: number, count: number): number;
  /** Sets bytes to zero. */
  zero(arena: NativeArena, offset: number, bytes: number): void;

  /** fp32 [rows, columns] → fp16, rows at `toStride`; transposed: to[c, r]. Values beyond fp16's range become infinities. */
  toHalf(
    arena: NativeArena,
    o: {
      from: number;
      fromStride: number;
      to: number;
      toStride: number;
      rows: number;
      columns: number;
      transpose?: boolean;
    },
  ): void;
  /** fp16 → fp32, same form. */
  toFloat(
    arena: NativeArena,
    o: { from: number; fromStride: number; to: number; toStride: number; rows: number; columns: number },
  ): void;
  /** Copies `rows` rows of `rowBytes` bytes between strides in bytes. */
  copyRows(
    arena: NativeArena,
    o: { from: number; fromStride: number; to: number; toStride: number; rows: number; rowBytes: number },
  ): void;
}

export interface DeviceOptions {
  /** Default: 1. */
  readonly threads?: number;
  /** Of the matrix products of device `cpu`; others have their own. Default: 'exact'. */
  readonly precision?: Precision;
  /** Given by the loader, for `sim:` devices. */
  readonly sim?: SimSettings;
}

/** What a simulated device makes of a program. */
export interface SimVerdict {
  /** The error of compiling or loading it. */
  readonly refused?: { readonly code: string; readonly message: string };
  /** The framework's words at every evaluation. */
  readonly evaluateError?: string;
  /** Evaluations succeed with zeros. */
  readonly zeros?: boolean;
  /** Tensors are bound to ports in alphabetical order of the names. */
  readonly inputsByName?: boolean;
  readonly outputsByName?: boolean;
  readonly compileNanoseconds: number;
  readonly evaluateNanoseconds: number;
}

/** A simulated device as the addon takes it. */
export interface SimSettings {
  readonly name: string;
  readonly compilations: number;
  readonly livePrograms: number;
  /** Bytes of weight files over all loaded programs. */
  readonly programBytes: number;
  /** Report the chip's nanoseconds instead of the cpu device's. */
  readonly clock: boolean;
  /** Magnitude from which products are infinite. Default: that of fp16. */
  readonly saturation?: number;
  readonly openFaults: readonly object[];
  readonly compileFaults: readonly object[];
  readonly evaluateFaults: readonly object[];
  readonly unloadFaults: readonly object[];
  readonly teardownMs: number;
  readonly seed?: number;
  readonly judge: (text: string) => SimVerdict;
}

/** A place in MIL text, counted from 1, columns in bytes. */
export interface MilPosition {
  readonly line: number;
  readonly column: number;
}

/** A parameter or the result of an operation, of the type that the text declares. */
export interface MilDeclaration extends MilPosition {
  readonly name: string;
  /** An element type of tensors, or `string` or `uint64`. */
  readonly dtype: string;
  /** [] for scalars. */
  readonly shape: readonly number[];
}

/** A value given by name. */
export interface MilReference extends MilPosition {
  readonly name: string;
}

/** A value written out: `dtype` and `shape` where the text says them, then a place in a weight file or elements. */
export interface MilLiteral extends MilPosition {
  readonly dtype?: string;
  readonly shape?: readonly number[];
  readonly blob?: { readonly path: string; readonly offset: number };
  readonly count?: number;
  /** Flattened; absent where there are more than 4096. */
  readonly elements?: readonly (number | boolean | string)[];
}

/** `name = value`, or `name = (value, …)`. */
export interface MilArgument extends MilPosition {
  readonly name: string;
  readonly values: readonly (MilReference | MilLiteral)[];
}

/** One statement; constants are operations `const` whose value is the attribute `val`. */
export interface MilOperation extends MilPosition {
  readonly operation: string;
  readonly results: readonly MilDeclaration[];
  readonly arguments: readonly MilArgument[];
  readonly attributes: readonly MilArgument[];
}

/** A parsed program: types as declared, names not resolved, operations not known to any device among them. */
export interface MilFunction {
  readonly name: string;
  /** Operation set, e.g. `ios18`. */
  readonly opset: string;
  readonly inputs: readonly MilDeclaration[];
  readonly operations: readonly MilOperation[];
  readonly outputs: readonly MilReference[];
}

/** A method of AppleNeuralEngine.framework that the ane device knows of. */
export interface AneMethod {
  /** `-[_ANEInMemoryModel unloadWithQoS:error:]`. */
  readonly method: string;
  /** What it is needed for: `core` is required, all others are optional. */
  readonly capability: string;
  readonly classPresent: boolean;
  readonly present: boolean;
  /** Present, with the arguments and the result that are passed and expected. */
  readonly usable: boolean;
  readonly expectedArguments: number;
  /** A letter for the result and one for each argument: `b` a byte, `i` 32 bits, `q` 64, `@` an object, `p` a pointer, `v` nothing. */
  readonly expectedKinds: string;
  /** As this system has it; absent where the method is. */
  readonly arguments?: number;
  readonly encoding?: string;
  readonly kinds?: string;
}

export interface AneProbe {
  readonly available: boolean;
  /** Why not; empty if it is. */
  readonly reason: string;
  /** `h16` is an M4; empty if not told. */
  readonly chip: string;
  /** Those of which every method is there. */
  readonly capabilities: readonly string[];
  readonly methods: readonly AneMethod[];
}

/** What a tiny program found out about this machine. */
export interface AneCanary {
  readonly name: string;
  readonly outcome: string;
  readonly ok: boolean;
}

/** What the ane device tells about this machine. */
export interface AneInspection {
  /** Compiles nothing and works everywhere. */
  probe(): AneProbe;
  /** Compiles and runs about ten tiny programs, in this process: call it in one that ends soon. */
  canaries(): AneCanary[];
  /** In which MIL dialect programs must be written: MAYFLY_ANE_DIALECT, else what a canary compiles in. */
  dialect(): 'ios18' | 'ios16';
}

/** What `mayfly.node` exports. */
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
  /** Another thread's arena of this process. */
  findArena(id: number): NativeArena;
  /** posix_spawn: costs the same whatever the parent's memory (libuv's fork does not). Main thread only. */
  spawn(options: SpawnOptions): SpawnedProcess;
  /** Two joined stream sockets, close-on-exec: for `connect` and `serveSocket` within one process. */
  socketPair(): [number, number];
  connect(fd: number, arena: NativeArena, handlers: ConnectionHandlers, lane?: NativeLane): Connection;
  /** `cpu`, or `sim:<chip>` (see `docs/simulator.md`). Errors: `ERR_DEVICE_UNAVAILABLE`, `ERR_CHIP_UNKNOWN`. */
  openDevice(name: string, arena: NativeArena, options?: DeviceOptions): NativeDevice;
  /** Devices of this machine; simulated ones are not among them: see `chipNames`. */
  deviceNames(): string[];
  /** Parses MIL text. Errors: `ERR_MIL_SYNTAX`. */
  inspectMil(text: string): MilFunction;
  /** The serve loop of a worker over an inherited descriptor. */
  serveSocket(
    fd: number,
    arena: NativeArena,
    device: NativeDevice,
    lane?: readonly [memory: number, bellIn: number, bellOut: number],
  ): WorkerSocket;
  /** Asks the kernel to kill this process when its parent dies (Linux), and exits at once if it already did. */
  dieWithParent(parentPid: number): void;
  /** Says how errors are made, so that they have their class and stack. Called once per thread, by the loader. */
  setErrorFactory(factory: (code: string, message: string, line: number, column: number) => Error): void;
  /** Instruction set in use: 'amx' (with the vectors of avx512), 'avx512', 'avx2', 'neon' or 'portable'. */
  isa(): string;
  /** Why an instruction set that the processor announces is not used, as a sentence; null where all is well. */
  isaFault(): string | null;
  /** What precision 'fast' multiplies with; 'exact' where nothing is faster than the exact products. */
  fastProducts(): FastProducts;
  ane: AneInspection;
  math: HostMath;
}
