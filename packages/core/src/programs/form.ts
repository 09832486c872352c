import type { MilOptions } from '../mil/graph.js';

/**
 * How the programs of layers are written. All of it leaves the mathematics as it is: it decides which of several equal programs an
 * engine is given, since no engine takes them all.
 */
export interface ProgramForm extends MilOptions {
  /** The variant of each block, by the block's name. Default: `fused`. */
  readonly variants?: Readonly<Record<string, string>> | undefined;
  /**
   * How SiLU gets σ(x): `sigmoid` is the operation, which engines look up in a table; `exp` is 1/(1 + exp(−x)). Default:
   * `sigmoid`.
   */
  readonly silu?: 'sigmoid' | 'exp' | undefined;
  /**
   * How RoPE takes pairs apart: `slice` turns two halves and joins them; `reshape` gives the pairs an axis of their own; `permutation`
   * multiplies by a constant matrix. Default: `slice`.
   */
  readonly rope?: 'slice' | 'reshape' | 'permutation' | undefined;
  /** Parts that the contraction of a projection is cut into, whose products are summed. Default: 1. */
  readonly split?: 1 | 2 | 4 | undefined;
  /** Where the classifier's products with its table run: on the device, as programs, or on the host. Default: `host`. */
  readonly classifier?: 'host' | 'device' | undefined;
  /** By the name of a block, where its weight gradients are made: on the device, as programs, or on the host. Default: `host`. */
  readonly weightGradients?: Readonly<Record<string, 'host' | 'device'>> | undefined;
}
