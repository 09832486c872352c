import type { DueFault } from './rank-faults.js';
import type { RankProcess } from './rank-lines.js';

/** A fault that struck. */
export interface StruckFault extends DueFault {
  readonly pid: number;
}

/**
 * Sends signals to the processes of ranks when their faults are due. It must be given processes of a job that the caller started, on this
 * machine, and be told when that job ends: no other process ever gets a signal.
 */
export class Disturber implements Disposable {
  readonly #due: DueFault[];
  readonly #onStrike: (fault: StruckFault) => void;
  readonly #pids = new Map<number, number>();
  readonly #timers = new Set<NodeJS.Timeout>();

  /** @param due In the order of their steps. */
  constructor(due: readonly DueFault[], onStrike: (fault: StruckFault) => void) {
    this.#due = [...due];
    this.#onStrike = onStrike;
  }

  /** Faults that have not struck yet. */
  get left(): number {
    return this.#due.length;
  }

  onBegin({ rank, pid }: RankProcess): void {
    this.#pids.set(rank, pid);
    this.onStep(0);
  }

  onStep(step: number): void {
    const now = this.#due.filter((fault) => fault.step <= step && this.#pids.has(fault.rank));
    for (const fault of now) {
      this.#due.splice(this.#due.indexOf(fault), 1);
      this.#after(fault.delayMs, () => this.#strike(fault));
    }
  }

  /** The job has ended; another may begin. */
  onEnd(): void {
    this.#pids.clear();
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#pids.clear();
  }

  #strike(fault: DueFault): void {
    const { rank, stopMs } = fault;
    const pid = this.#pids.get(rank);
    if (pid === undefined || !signal(pid, fault.fault === 'kill' ? 'SIGKILL' : 'SIGSTOP')) {
      // The job is ending for another reason: it is due again in the next one.
      this.#due.unshift(fault);
      return;
    }
    this.#onStrike({ ...fault, pid });
    if (fault.fault !== 'stop') return;
    this.#after(stopMs, () => {
      if (this.#pids.get(rank) === pid) signal(pid, 'SIGCONT');
    });
  }

  #after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }
}

/** False where the process is gone. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
