import type { InputPromise } from '@mayfly/native';
import type { InFlight } from './in-flight.js';
import type { KernelHandle } from './kernel-handle.js';
import type { RunOptions } from './types.js';

/**
 * One call of `kernel.run`, from the call until it settles. It survives the worker it was sent to: what is not answered is
 * sent again, elsewhere.
 */
export class Run {
  /** Workers that ended, or whose device failed, while evaluating it. */
  attempts = 0;
  /** Its caller gave it up: the answer goes nowhere, and it is not sent again. */
  abandoned = false;
  /** Where it was sent last. */
  sentTo: InFlight | null = null;
  readonly promise: InputPromise | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;

  constructor(
    readonly kernel: KernelHandle,
    /** Input offsets, then output offsets. */
    readonly offsets: readonly number[],
    /** The kernel's weights as of the call; the run only ever sees these. */
    readonly epoch: number,
    readonly resolve: () => void,
    readonly reject: (error: Error) => void,
    options: RunOptions | undefined,
  ) {
    this.promise = options?.promise;
    const signal = options?.signal;
    if (signal === undefined) return;
    this.#signal = signal;
    this.#onAbort = () => {
      this.abandoned = true;
      reject(signal.reason);
      this.sentTo?.abandoned(this);
    };
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The end of its life, whichever way: a caller's long-lived signal must not keep it. */
  settle(error: Error | null): void {
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    if (error === null) this.resolve();
    else this.reject(error);
  }
}
