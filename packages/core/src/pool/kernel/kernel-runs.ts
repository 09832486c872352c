import type { InputReuse } from '@mayfly/native';
import type { Arena } from '../../memory/arena.js';
import type { Calls } from '../calls.js';
import type { Kernel, Tensors } from '../types.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import { Run } from '../worker/run.js';
import { RunQueue } from '../worker/run-queue.js';
import { bindTensors } from './bind-tensors.js';
import type { Placement } from './kernel-host.js';

/** Settled runs kept for the next calls: as many as are outstanding where a worker is kept busy. */
const MOST_SPARE = 64;

/** The runs of one kernel: those that wait, in the order of their calls, how many are in flight, and settled ones to use again. */
export class KernelRuns {
  readonly #kernel: Kernel & PlacedKernel;
  readonly #arena: Arena;
  readonly #calls: Calls;
  readonly #waiting = new RunQueue();
  readonly #spare = new RunQueue();
  #inFlight = 0;
  #called = 0;

  /** @param arena Where tensors have to lie. */
  constructor(kernel: Kernel & PlacedKernel, arena: Arena, calls: Calls) {
    this.#kernel = kernel;
    this.#arena = arena;
    this.#calls = calls;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Sent, and not answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The epoch of the next to be sent; null where none waits. */
  get nextEpoch(): number | null {
    return this.#waiting.first?.epoch ?? null;
  }

  /** A run over these tensors, which nothing knows of yet. Errors: `ERR_INVALID_ARGUMENT`. */
  bound(inputs: Tensors, outputs: Tensors): Run {
    const run = this.#spare.shift() ?? new Run(this.#kernel);
    bindTensors(this.#kernel, this.#arena, inputs, outputs, run.offsets);
    return run;
  }

  /** Takes a call in. Errors: `ERR_QUEUE_FULL`, `ERR_POOL_CLOSED`. */
  add(run: Run, epoch: number, signal: AbortSignal | undefined, reuse: InputReuse | undefined): Promise<void> {
    this.#calls.admit();
    const settled = run.begin(epoch, signal, reuse);
    run.call = this.#called++;
    this.#waiting.push(run);
    return settled;
  }

  /** Ends those at the front that nobody waits for any more. */
  skipAbandoned(): void {
    while (this.#waiting.first?.abandoned) this.end(this.#waiting.shift()!, null);
  }

  /** Sends the first of those that wait. */
  send({ worker, program }: Placement): void {
    const run = this.#waiting.shift()!;
    try {
      worker.send(run, program);
    } catch (error) {
      // Only this call is refused: the caller whose call made room for it must not get the error.
      this.end(run, error as Error);
      return;
    }
    this.#inFlight += 1;
  }

  answered(run: Run, error: Error | null): void {
    this.#inFlight -= 1;
    this.end(run, error);
  }

  /** `sent` runs will not be answered where they are; `again` of them are to be sent again, in the order of their calls. */
  again(sent: number, again: readonly Run[]): void {
    this.#inFlight -= sent;
    const [wanted, abandoned] = [again.filter((run) => !run.abandoned), again.filter((run) => run.abandoned)];
    for (const run of wanted) run.recalled();
    this.#waiting.restore(wanted);
    for (const run of abandoned) this.end(run, null);
  }

  /** Ends those that wait, or of these only those of one epoch. */
  fail(error: Error, epoch?: number): void {
    for (const run of this.#waiting.take((each) => epoch === undefined || each.epoch === epoch)) this.end(run, error);
  }

  /** Settles a run that is in no queue. */
  end(run: Run, error: Error | null): void {
    run.settle(error);
    if (this.#spare.size < MOST_SPARE) this.#spare.push(run);
    this.#calls.settled();
  }
}
