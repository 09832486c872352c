/** What a device does with a program. */
export type Work = 'compile' | 'evaluate';

/** Programs that must have failed before the device is taken to be at fault. */
const DIFFERENT = 2;

/**
 * Whether workers and their device can still be relied on. Counts what goes wrong in a row: deaths, starts that failed, and
 * faults of the device with programs that it had done before. What a program never did says nothing of the device.
 */
export class Health {
  readonly #maxDeaths: number;
  readonly #maxFaults: number;
  #deaths = 0;
  #failedStarts = 0;
  /** Of each kind of work: faults since it was last done, and the texts of the programs. */
  readonly #faults = { compile: 0, evaluate: 0 };
  readonly #programs = { compile: new Set<string>(), evaluate: new Set<string>() };

  /**
   * @param maxDeaths Deaths in a row, or failed starts, after which no worker is to be waited for.
   * @param maxFaults Faults in a row after which the device is stuck.
   */
  constructor(maxDeaths: number, maxFaults: number) {
    this.#maxDeaths = maxDeaths;
    this.#maxFaults = maxFaults;
  }

  /** Deaths since work was last done, or starts that failed since a worker was last of use. */
  get deaths(): number {
    return Math.max(this.#deaths, this.#failedStarts);
  }

  get exhausted(): boolean {
    return this.deaths >= this.#maxDeaths;
  }

  /** A worker that had kernels, or was getting some, ended unasked. */
  died(): void {
    this.#deaths += 1;
  }

  /** A worker could not be started, or ended before it was of use. Progress of other workers does not reset this count. */
  failedStart(): void {
    this.#failedStarts += 1;
  }

  /** A started worker is of use. */
  started(): void {
    this.#failedStarts = 0;
  }

  /** A worker answered, whatever the device made of the request. */
  answered(): void {
    this.#deaths = 0;
  }

  /** The device did its work. A device that compiles may still fail to evaluate. */
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

  /** How often the device has failed in a row, where that is its own fault; 0 while it is not. */
  stuck(work: Work): number {
    const faults = this.#faults[work];
    return faults >= this.#maxFaults && this.#programs[work].size >= DIFFERENT ? faults : 0;
  }
}
