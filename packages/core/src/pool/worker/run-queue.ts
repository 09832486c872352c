import type { Run } from './run.js';

/** Runs in order, linked through themselves: nothing is allocated. A run is in one queue at a time. */
export class RunQueue {
  #first: Run | null = null;
  #last: Run | null = null;
  #size = 0;

  get first(): Run | null {
    return this.#first;
  }

  get size(): number {
    return this.#size;
  }

  push(run: Run): void {
    if (this.#last === null) this.#first = run;
    else this.#last.next = run;
    this.#last = run;
    this.#size += 1;
  }

  shift(): Run | null {
    const run = this.#first;
    if (run === null) return null;
    this.#first = run.next;
    if (run.next === null) this.#last = null;
    run.next = null;
    this.#size -= 1;
    return run;
  }

  /** Puts runs, which are in the order of their calls, back among the others, which are so, too. */
  restore(runs: readonly Run[]): void {
    const others = this.clear();
    let next = 0;
    for (const run of runs) {
      while (next < others.length && others[next]!.call < run.call) this.push(others[next++]!);
      this.push(run);
    }
    while (next < others.length) this.push(others[next++]!);
  }

  /** Takes out those that `which` names, in their order. */
  take(which: (run: Run) => boolean): Run[] {
    const all = this.clear();
    for (const run of all) if (!which(run)) this.push(run);
    return all.filter(which);
  }

  /** Takes out all of them. */
  clear(): Run[] {
    const all: Run[] = [];
    for (let run = this.shift(); run !== null; run = this.shift()) all.push(run);
    return all;
  }
}
