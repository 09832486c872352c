import type { InputReuse } from '@mayfly/native';
import { type Abortable, unwatchAbort, watchAbort } from './abort-watch.js';
import type { InFlight } from './in-flight.js';
import type { PlacedKernel } from './placed-kernel.js';

type Resolve = () => void;
type Reject = (reason: unknown) => void;

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
export class Run implements Abortable {
  /** What follows it in its queue. */
  next: Run | null = null;
  /** Its place among the calls of its kernel. */
  call = 0;
  /** Of its dispatch, as the answer carries it. */
  id = 0;
  /** Workers that ended, or whose device failed, while evaluating it. */
  attempts = 0;
  /** Its caller gave it up: it is not sent again, and rejects whatever the answer. */
  abandoned = false;
  /** Who was sent it and may still be at it; null while it waits. */
  sentTo: InFlight | null = null;
  /** The kernel's weights as of the call; the run only ever sees these. */
  epoch = 0;
  reuse: InputReuse | undefined = undefined;
  /** Input offsets, then output offsets. */
  readonly offsets: number[] = [];
  #resolve: Resolve = nothing;
  #reject: Reject = nothing;
  #signal: AbortSignal | undefined = undefined;

  constructor(readonly kernel: PlacedKernel) {}

  /** Begins a call, whose offsets are set; gives what its caller waits for. */
  begin(epoch: number, signal: AbortSignal | undefined, reuse: InputReuse | undefined): Promise<void> {
    const settled = new Promise<void>(keepEnds);
    this.#resolve = resolveLast;
    this.#reject = rejectLast;
    this.epoch = epoch;
    this.reuse = reuse;
    this.#signal = signal;
    if (signal !== undefined) watchAbort(signal, this);
    return settled;
  }

  /**
   * Its caller gave it up. The promise rejects at once where no worker has it. Where one may be at it, its tensors are not the
   * caller's yet: then it rejects when the worker has answered or was stopped.
   */
  aborted(reason: unknown): void {
    this.abandoned = true;
    if (this.sentTo === null) this.#reject(reason);
    else this.sentTo.abandoned(this);
  }

  /** Nobody is at it any more: it waits to be sent again. */
  recalled(): void {
    this.sentTo = null;
  }

  /** The end of the call, whichever way. No worker reads or writes its tensors any more. */
  settle(error: Error | null): void {
    if (this.abandoned) this.#reject(this.#signal?.reason);
    else if (error === null) this.#resolve();
    else this.#reject(error);
    if (this.#signal !== undefined) unwatchAbort(this.#signal, this);
    this.#signal = undefined;
    this.#resolve = nothing;
    this.#reject = nothing;
    this.reuse = undefined;
    this.sentTo = null;
    this.attempts = 0;
    this.abandoned = false;
  }
}
