import type { InputPromise } from '@mayfly/native';
import type { InFlight } from './in-flight.js';
import type { PlacedKernel } from './placed-kernel.js';

type Resolve = () => void;
type Reject = (error: Error) => void;

const nothing = () => {};
let resolveLast: Resolve = nothing;
let rejectLast: Reject = nothing;
/** For every promise of a run: a function for each would be garbage with each. */
const keepEnds = (resolve: Resolve, reject: Reject) => {
  resolveLast = resolve;
  rejectLast = reject;
};

/**
 * A call of `kernel.run`, from the call until it settles; then the object serves another call of the same kernel. It survives
 * the worker it was sent to: what is not answered is sent again, elsewhere.
 */
export class Run {
  /** What follows it in its queue. */
  next: Run | null = null;
  /** Of its dispatch, as the answer carries it. */
  id = 0;
  /** Workers that ended, or whose device failed, while evaluating it. */
  attempts = 0;
  /** Its caller gave it up: the answer goes nowhere, and it is not sent again. */
  abandoned = false;
  /** Where it was sent last. */
  sentTo: InFlight | null = null;
  /** The kernel's weights as of the call; the run only ever sees these. */
  epoch = 0;
  promise: InputPromise | undefined = undefined;
  /** Input offsets, then output offsets. */
  readonly offsets: number[] = [];
  #resolve: Resolve = nothing;
  #reject: Reject = nothing;
  #signal: AbortSignal | undefined = undefined;
  #onAbort: (() => void) | undefined = undefined;

  constructor(readonly kernel: PlacedKernel) {}

  /** Begins a call, whose offsets are set; gives what its caller waits for. */
  begin(epoch: number, signal: AbortSignal | undefined, promise: InputPromise | undefined): Promise<void> {
    const settled = new Promise<void>(keepEnds);
    this.#resolve = resolveLast;
    this.#reject = rejectLast;
    this.epoch = epoch;
    this.promise = promise;
    if (signal !== undefined) this.#endWith(signal);
    return settled;
  }

  /** The end of the call, whichever way: a caller's long-lived signal must not keep it. */
  settle(error: Error | null): void {
    if (error === null) this.#resolve();
    else this.#reject(error);
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = undefined;
    this.#onAbort = undefined;
    this.#resolve = nothing;
    this.#reject = nothing;
    this.promise = undefined;
    this.sentTo = null;
    this.attempts = 0;
    this.abandoned = false;
  }

  #endWith(signal: AbortSignal): void {
    this.#signal = signal;
    this.#onAbort = () => {
      this.abandoned = true;
      this.#reject(signal.reason);
      this.sentTo?.abandoned(this);
    };
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }
}
