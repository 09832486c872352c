/** The work of a device with a program. */
export type Work = 'compile' | 'evaluate';

/** The device is at fault once this many different programs have failed. */
const DIFFERENT = 2;

/**
 * Counts deaths, failed starts and faults of the device, each in a row, to tell whether workers and their device still work. A fault
 * counts only with a program that had worked before: otherwise the program may be at fault.
 */
export class Health {
  readonly #maxDeaths: number;
  readonly #maxFaults: number;
  #deaths = 0;
  #failedStarts = 0;
  /** For each kind of work: faults since it last succeeded, and the texts of the programs. */
  readonly #faults = { compile: 0, evaluate: 0 };
  readonly #programs = { compile: new Set<string>(), evaluate: new Set<string>() };

  /**
   * @param maxDeaths Deaths or failed starts in a row after which calls no longer wait for a worker, but fail.
   * @param maxFaults Faults in a row after which the device counts as stuck.
   */
  constructor(maxDeaths: number, maxFaults: number) {
    this.#maxDeaths = maxDeaths;
    this.#maxFaults = maxFaults;
  }

  /** The larger of two counts: deaths since work was last done, and failed starts since a worker last began to serve. */
  get deaths(): number {
    return Math.max(this.#deaths, this.#failedStarts);
  }

  get exhausted(): boolean {
    return this.deaths >= this.#maxDeaths;
  }

  /** A worker that held kernels, or was about to compile one, ended unasked. */
  died(): void {
    this.#deaths += 1;
  }

  /** A worker could not be started, or ended before it served. Progress of other workers does not reset this count. */
  failedStart(): void {
    this.#failedStarts += 1;
  }

  /** A started worker begins to serve. */
  started(): void {
    this.#failedStarts = 0;
  }

  /** A worker answered a request, with a result or an error. */
  answered(): void {
    this.#deaths = 0;
  }

  /** The device succeeded in this work. A device that compiles may still fail to evaluate. */
  worked(work: Work): void {
    this.#deaths = 0;
    if (this.#faults[work] === 0) return;
    this.#faults[work] = 0;
    this.#programs[work].clear();
  }

  /** The device failed a program, given by its text, with which it had done the same work before. */
  failed(work: Work, program: string): void {
    this.#faults[work] += 1;
    this.#programs[work].add(program);
  }

  /** Faults in a row if they are the device's own; 0 otherwise. */
  stuck(work: Work): number {
    const faults = this.#faults[work];
    return faults >= this.#maxFaults && this.#programs[work].size >= DIFFERENT ? faults : 0;
  }
}
