import type { InputReuse } from '@mayfly/native';

type Resolve = (failed?: Promise<never>) => void;
type Reject = (reason: unknown) => void;

const nothing = () => {};
let resolveLast: Resolve = nothing;
let rejectLast: Reject = nothing;
/** The executor of every run's promise. A function for each run would be garbage after each. */
const keepEnds = (resolve: Resolve, reject: Reject) => {
  resolveLast = resolve;
  rejectLast = reject;
};

/** The list of a worker that a run was sent to. */
export interface RunHolder {
  /** The caller gave up the run. */
  abandoned(run: Run<unknown>): void;
}

/**
 * A call of `kernel.run`, from the call until it settles; then the object serves another call of the same kernel. A run outlives
 * the worker that it was sent to: if it was not answered, it is sent again to another one.
 */
export class Run<Kernel> {
  /** The next run in the same queue. */
  next: Run<Kernel> | null = null;
  /** Number of the call among those of its kernel. */
  call = 0;
  /** Dispatch id; the completion carries it back. */
  id = 0;
  /** Workers that ended, or whose device failed, while evaluating it. */
  attempts = 0;
  /** Whether its caller gave it up: it is not sent again, and rejects whatever the answer is. */
  abandoned = false;
  /** Where it was sent, while a worker may still evaluate it; null while it waits. */
  sentTo: RunHolder | null = null;
  /** Generation of the kernel's weights as of the call; the run only ever sees that one. */
  generation = 0;
  signal: AbortSignal | undefined = undefined;
  reuse: InputReuse | undefined = undefined;
  /** Called when the leading rows of its output are there, if that is before it is answered. */
  onLeadingRows: (() => void) | undefined = undefined;
  /** Input offsets, then output offsets. */
  readonly offsets: number[] = [];
  #resolve: Resolve = nothing;
  #reject: Reject = nothing;

  constructor(readonly kernel: Kernel) {}

  /** Begins a call whose offsets are set. Returns the promise of the caller. */
  begin(
    generation: number,
    signal: AbortSignal | undefined,
    reuse: InputReuse | undefined,
    onLeadingRows: (() => void) | undefined,
  ): Promise<void> {
    const settled = new Promise<void>(keepEnds);
    this.#resolve = resolveLast;
    this.#reject = rejectLast;
    this.generation = generation;
    this.signal = signal;
    this.reuse = reuse;
    this.onLeadingRows = onLeadingRows;
    return settled;
  }

  /**
   * Gives it up for its caller. It rejects at once if no worker has it; otherwise when that worker, which may still write its tensors,
   * has answered or was stopped.
   */
  aborted(reason: unknown): void {
    this.abandoned = true;
    if (this.sentTo === null) this.#reject(reason);
    else this.sentTo.abandoned(this);
  }

  /** Lets it wait to be sent again, since no worker has it any more. */
  recalled(): void {
    this.sentTo = null;
  }

  /** Ends the call, with `failed` by its rejection. No worker reads or writes its tensors any more. */
  settle(failed?: Promise<never>): void {
    if (this.abandoned) this.#reject(this.signal?.reason);
    else this.#resolve(failed);
    this.#resolve = nothing;
    this.#reject = nothing;
    this.signal = undefined;
    this.reuse = undefined;
    this.onLeadingRows = undefined;
    this.sentTo = null;
    this.attempts = 0;
    this.abandoned = false;
  }
}

/** Runs in order, linked through themselves: nothing is allocated. A run is in one queue at a time. */
export class RunQueue<Kernel> {
  #first: Run<Kernel> | null = null;
  #last: Run<Kernel> | null = null;
  #size = 0;

  get first(): Run<Kernel> | null {
    return this.#first;
  }

  get size(): number {
    return this.#size;
  }

  push(run: Run<Kernel>): void {
    if (this.#last === null) this.#first = run;
    else this.#last.next = run;
    this.#last = run;
    this.#size += 1;
  }

  shift(): Run<Kernel> | null {
    const run = this.#first;
    if (run === null) return null;
    this.#first = run.next;
    if (run.next === null) this.#last = null;
    run.next = null;
    this.#size -= 1;
    return run;
  }

  /** Merges runs back by number of call. Both the queue and `runs` are in that order. */
  restore(runs: readonly Run<Kernel>[]): void {
    const others = this.clear();
    let next = 0;
    for (const run of runs) {
      while (next < others.length && others[next]!.call < run.call) this.push(others[next++]!);
      this.push(run);
    }
    while (next < others.length) this.push(others[next++]!);
  }

  /** Removes the runs for which `which` is true, and returns them in order. */
  take(which: (run: Run<Kernel>) => boolean): Run<Kernel>[] {
    const all = this.clear();
    for (const run of all) if (!which(run)) this.push(run);
    return all.filter(which);
  }

  /** Removes all runs, and returns them in order. */
  clear(): Run<Kernel>[] {
    const all: Run<Kernel>[] = [];
    for (let run = this.shift(); run !== null; run = this.shift()) all.push(run);
    return all;
  }
}
