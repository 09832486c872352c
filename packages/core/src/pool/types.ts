import type { InputReuse, Port } from '@mayfly/native';
import type { Tensor } from '../memory/tensor.js';

/** Bytes of a weight file: copied into the arena, or a range of the arena that the caller keeps and may rewrite. */
export type WeightSource = Uint8Array | { readonly offset: number; readonly bytes: number };

/** Weight files by the path that BLOBFILE names. */
export type WeightSources = Readonly<Record<string, WeightSource>>;

/** What `pool.compile` takes: any MIL program. */
export interface PoolProgram {
  /** Shown in errors, events and statistics. Default: `kernel-<n>`. */
  readonly name?: string;
  /** MIL text. */
  readonly text: string;
  readonly weights?: WeightSources;
}

export interface CallOptions {
  /**
   * Ends the call, which rejects with the signal's reason; the pool stays whole. A run that waits is not sent, and rejects at
   * once. One that was sent rejects when nothing can write its outputs any more: when its worker has answered, or was ended
   * because that took longer than `timeouts.abandonMs`. An update is carried out all the same. Any number of calls may have
   * one signal.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface RunOptions extends CallOptions {
  /** The columns of the first input that are unchanged: device ane then copies only the others. Default: none. */
  readonly reuse?: InputReuse | undefined;
}

/** One tensor, or one per port in the program's order. */
export type Tensors = Tensor | readonly Tensor[];

/** A handle to a program. It lives until `dispose`, whatever happens to workers. */
export interface Kernel {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * Evaluates once: reads `inputs`, writes `outputs` (tensors of the pool's arena, of the ports' bytes). Calls on one kernel
   * run in order. A worker's death is not seen: the work is repeated elsewhere, so inputs must stay as they are until the
   * promise settles. The tensors are the run's until then, and the caller's from then on, however it settles: nothing reads or
   * writes them any more. Errors: `ERR_INVALID_ARGUMENT`, also for tensors of another arena and for freed ones; `ERR_DISPATCH`
   * where an output overlaps another tensor of the run.
   */
  run(inputs: Tensors, outputs: Tensors, options?: RunOptions): Promise<void>;
  /**
   * Gives the program new weights: one compilation. Without an argument, the arena ranges given before are read again.
   * Runs called before still see the old weights, runs called after the new ones.
   */
  update(weights?: WeightSources, options?: CallOptions): Promise<void>;
  /** Unloads it. Idempotent. */
  dispose(): Promise<void>;
}
