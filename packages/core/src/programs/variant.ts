/**
 * One program of a pass: the operations from the one that makes `from` up to the next cut, in the order of the block's list. An
 * operation that is added between two cuts belongs to the program that it falls in.
 */
export interface Cut {
  /** As the trainers call it that run it. */
  readonly name: string;
  /** A value. Default: the block's first operation. */
  readonly from?: string;
  /** Has no operations of its own: it computes these values again for the programs that follow. Backward passes only. */
  readonly computes?: readonly string[];
  /**
   * Of the values that its operations read, those whose gradients it makes: the next cut begins at the same value and makes the others.
   * Default: all that are left. Backward passes only.
   */
  readonly toward?: readonly string[];
}

/**
 * A recipe for both passes of a block: which programs they are, in the order in which they run. What the programs read and make
 * follows from the names of values. With static weights the forward pass begins with the norm, which makes `xn`, and ends with the
 * residual sum; with dynamic weights both are host math.
 */
export interface Variant {
  readonly name: string;
  /** The public trainers that ran it. */
  readonly source: string;
  readonly forward: readonly Cut[];
  readonly backward: readonly Cut[];
  /** Values that the forward pass hands out, though the backward pass could compute them again. */
  readonly saved?: readonly string[];
  /** Each program has one product at most: operations that are added to the block get programs of their own. Default false. */
  readonly isSingle?: boolean;
}

/** One program a pass. */
export const fused: Variant = {
  name: 'fused',
  source: 'ours',
  forward: [{ name: 'forward' }],
  backward: [{ name: 'backward' }],
};
