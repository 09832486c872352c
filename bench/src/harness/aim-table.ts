import { type Alternative, alternate } from './alternate.js';
import type { Figure, Findings, Target } from './report.js';
import { ratio } from './targets.js';

/** Milliseconds by the name of what took them; a peer that could not be measured has none. */
export type Times = Readonly<Record<string, number | undefined>>;

/** Collects times of alternatives, and aims on their quotients. */
export class AimTable {
  readonly #repetitions: number;
  readonly #figures: Figure[] = [];
  readonly #targets: Target[] = [];
  readonly #skipped: { case: string; reason: string }[] = [];

  constructor(repetitions: number) {
    this.#repetitions = repetitions;
  }

  get findings(): Findings {
    return {
      repetitions: this.#repetitions,
      figures: this.#figures,
      targets: this.#targets,
      skipped: this.#skipped,
    };
  }

  /** Runs alternatives in turns, and returns the samples of each that could be measured, by name. */
  async run<Sample extends Record<string, number>>(
    title: string,
    runs: Readonly<Record<string, () => Promise<Sample>>>,
  ): Promise<ReadonlyMap<string, Sample>> {
    const alternatives = Object.entries(runs).map(([name, run]): Alternative<Sample> => ({ name, run }));
    const { samples, skipped } = await alternate<Sample>(title, alternatives, this.#repetitions);
    this.#skipped.push(...skipped.map((skip) => ({ ...skip, case: `${title}: ${skip.case}` })));
    return samples;
  }

  /** As `run`, where a sample is milliseconds, which become rows. */
  async time(
    title: string,
    runs: Readonly<Record<string, () => Promise<{ readonly p50: number } & Record<string, number>>>>,
  ): Promise<Times> {
    const samples = await this.run(title, runs);
    for (const [name, { p50 }] of samples) {
      this.#figures.push({
        ...{ case: `${title}: ${name}`, isolation: 'none', placement: 'scheduler', unit: 'ms' },
        p50,
      });
    }
    return Object.fromEntries([...samples].map(([name, { p50 }]) => [name, p50]));
  }

  /** An aim on `value / base`; no row where one of them could not be measured. */
  aim(text: string, value: number | undefined, base: number | undefined, relation: '<=' | '>=', limit: number): void {
    this.#targets.push(...ratio(text, value, base, relation, limit));
  }
}
