import type { NativeArena } from './arena.js';
import type { Precision } from './device.js';

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

export type Matmul = 'amx-fp16' | 'amx-bf16' | 'avx512-bf16' | 'blas' | 'exact';

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
  /** Arena offsets of fp32 like c: what is said of the product is true of … + (addends[1] + (addends[0] + the product)), each sum rounded. */
  readonly addends?: readonly number[];
}

/** What the calls for one loss of logits that come in chunks share. */
export interface SoftmaxProblem {
  /** fp32 [vocab, columns]. */
  logits: number;
  /** fp32 [2·⌈vocab / 256⌉ + 1, columns]: what chunks leave for the loss, and the loss for gradients. */
  partials: number;
  /** int32 [columns]; −1 does not count. */
  targets: number;
  vocab: number;
  columns: number;
}

/** A matrix [rows, columns] that is converted: arena offsets, and strides of its rows in elements. */
export interface MatrixConversion {
  from: number;
  fromStride: number;
  to: number;
  toStride: number;
  rows: number;
  columns: number;
}

/** Rows of a softmax's problem. */
export interface SoftmaxRows {
  first: number;
  rows: number;
}

/** Host math on arena memory. Calls compute before they return, with the native thread pool where it pays. */
export interface HostMath {
  /**
   * Threads of each of the process's two pools, the thread that calls or serves the queue included. Default: available
   * parallelism.
   */
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
   * dx += r·(g − x·r²·mean(g ∘ x)); dWeight += Σ_n dOut ∘ x·r, a sum rounded to fp32 before it is added, or = with `overwrite`.
   * x fp16 or fp32; dOut fp16 or fp32 with a row stride; dx fp32 [dim, columns], added to; `out` (optional) receives dx as fp16
   * with a row stride.
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
   * columns of −log softmax(logits)[targets[n]], without columns whose target is −1 (ignored). With gradients: dx = gradientScale · dLoss/dx and
   * dTable = gradientScale · dLoss/dTable, where Loss is that sum. x, dx fp32 [dim, columns]; table, dTable fp32 [vocab, dim].
   * logSumExp fp32 [columns] receives log Σ_v exp(logits[v, n]), and 0 in columns that are ignored.
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
      logSumExp?: number;
      gradientScale?: number;
      /** Of all three products. Default exact. */
      precision?: Precision;
    },
  ): number;
  /**
   * Takes the next `rows` logits of a vocabulary, from class `first` on, fp16 [rows, columns] with a row stride, of which `softmaxLoss` makes a loss once
   * all have come, in their order. They become fp32 in `logits`, and exponentials as soon as their 256 classes are complete. The same bits whatever the
   * chunks.
   */
  softmaxChunk(arena: NativeArena, o: SoftmaxProblem & SoftmaxRows & { from: number; fromStride: number }): void;
  /** The sum over columns of −log softmax(logits)[targets[n]], after `softmaxChunk`, without columns whose target is −1 (ignored). */
  softmaxLoss(arena: NativeArena, o: SoftmaxProblem & { gradientScale?: number }): number;
  /**
   * After `softmaxLoss` with the same scale, once for each class: makes rows of `logits` gradientScale · dLoss/dLogits, which `to` receives as fp16
   * [rows, columns] with a row stride.
   */
  softmaxGradient(
    arena: NativeArena,
    o: SoftmaxProblem & SoftmaxRows & { to: number; toStride: number; gradientScale?: number },
  ): void;
  /** logits[v] = Σ_d table[v, d]·x[d, column], fp32 [vocab]. The table's type is fp32 by default. */
  logits(
    arena: NativeArena,
    o: {
      x: number;
      column: number;
      columns: number;
      table: number;
      tableType?: 'fp32' | 'fp16';
      out: number;
      vocab: number;
      dim: number;
    },
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

  /**
   * Runs products on at most `threads` threads (default 1). Each element's sum runs over k from first to last whatever the
   * threads, and products whose results share memory run in order.
   */
  outerProducts(arena: NativeArena, products: readonly OuterProduct[], threads?: number): void;

  /**
   * Decoupled AdamW (Loshchilov & Hutter 2019) on a flat fp32 range: g = gradient·gradientScale;
   * m, v updated; w −= lr·(m̂/(√v̂ + eps) + weightDecay·w), with m̂ and v̂ corrected for `step` (from 1).
   * `half` (optional) receives w, seen as rows of `columns` (which `count` must be a multiple of), as fp16 with a row stride;
   * transposed: half[c, r]. `rows` (optional, without `half`) is int32 [ids]: the rows that are updated or, with `others`, those that are
   * not. They are read at once.
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
      rows?: number;
      ids?: number;
      others?: boolean;
    },
  ): void;
  /**
   * Muon (Jordan et al. 2024) on a matrix [rows, columns], all fp32: g = gradient·gradientScale; m = momentum·m + (1 − momentum)·g; the
   * direction momentum·m + (1 − momentum)·g (Nesterov) is divided by its norm and becomes O, near to U·Vᵀ of its singular value
   * decomposition, by five Newton–Schulz iterations; w −= lr·(scale·O + weightDecay·w). `half` (optional) receives w as `adamw` writes it.
   */
  muon(
    arena: NativeArena,
    o: {
      weights: number;
      gradients: number;
      m: number;
      rows: number;
      columns: number;
      lr: number;
      momentum: number;
      weightDecay: number;
      scale: number;
      gradientScale: number;
      /** Of the iterations' products. Default exact. */
      precision?: Precision;
      half?: number;
      halfStride?: number;
      transpose?: boolean;
    },
  ): void;
  /** Σ x² in double precision over fp32, independent of threads. Infinity or NaN in x gives a non-finite result. */
  sumOfSquares(arena: NativeArena, offset: number, count: number): number;
  /** to[i] += … + (from[1][i] + from[0][i]), each sum rounded, for `count` fp32 elements at arena offsets of which none overlaps `to`. */
  add(arena: NativeArena, from: readonly number[], to: number, count: number): void;
  /** Sets bytes to zero. */
  zero(arena: NativeArena, offset: number, bytes: number): void;
  /** As `arena.populate`: a gigabyte takes some 0.4 s, for which the queue is the place. */
  populate(arena: NativeArena, offset: number, bytes: number): void;

  /** fp32 → fp16; transposed: to[c, r]. Values beyond fp16's range become infinities. */
  toHalf(arena: NativeArena, o: MatrixConversion & { transpose?: boolean }): void;
  /** fp16 → fp32. */
  toFloat(arena: NativeArena, o: MatrixConversion): void;
  /**
   * fp16, as fp32, is added to a matrix of fp32: to += … + (addends[1] + (addends[0] + from)), each sum rounded; or = with `overwrite`. Rows
   * of the addends, at arena offsets, lie `toStride` elements apart, too; transposed: to[c, r].
   */
  addHalf(
    arena: NativeArena,
    o: MatrixConversion & { transpose?: boolean; overwrite?: boolean; addends?: readonly number[] },
  ): void;
  /** Copies `rows` rows of `rowBytes` bytes between strides in bytes. */
  copyRows(
    arena: NativeArena,
    o: { from: number; fromStride: number; to: number; toStride: number; rows: number; rowBytes: number },
  ): void;
}

/**
 * The same functions on the process's one queue for host math, which a native thread serves with a thread pool of its own: calls
 * run one after the other by their rank, those of one rank in the order in which they were made, and the event loop stays free. Arguments and token ids are read at
 * once, and bad ones reject the promise. Other memory must not be read or written elsewhere until it settles; the arena may be
 * closed.
 */
export type QueuedMath = {
  readonly [Name in Exclude<keyof HostMath, 'setThreads'>]: (
    ...args: Parameters<HostMath[Name]>
  ) => Promise<ReturnType<HostMath[Name]>>;
} & {
  /** Blocks the calling thread until all calls that were made so far have ended; their promises settle later. */
  finish(): void;
  /** Gives calls made from now on a rank, from 0 to 2³¹ − 1: none begins while one of a lower rank waits. Default: 0. */
  rank(rank: number): void;
  /** Whether calls made from now on are timed, for `takeSpans`. Default: they are not, and the clock is not read. */
  time(on: boolean): void;
  /**
   * The timed calls that have settled since the last time, in the order of the queue: three numbers for each, which are the place of its name in
   * `names`, its beginning and its end in nanoseconds of `process.hrtime`.
   */
  takeSpans(): { readonly names: readonly string[]; readonly spans: Float64Array };
};
