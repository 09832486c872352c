import { medianOf } from './statistics.js';

export interface Alternative<Sample> {
  readonly name: string;
  /** Of the benchmark's repetitions, those that it takes part in: the first ones. Default: all. */
  readonly repetitions?: number;
  readonly run: () => Promise<Sample>;
}

export interface Alternated<Sample> {
  /** The median over repetitions, field by field, of each that could be measured. */
  readonly samples: ReadonlyMap<string, Sample>;
  readonly skipped: { readonly case: string; readonly reason: string }[];
}

/**
 * Runs alternatives one after the other, and once more for every repetition. One that fails is skipped from then on. What
 * runs is told on stderr: `title` says of what.
 */
export async function alternate<Sample extends Record<string, number>>(
  title: string,
  alternatives: readonly Alternative<Sample>[],
  repetitions: number,
): Promise<Alternated<Sample>> {
  const taken = new Map<string, Sample[]>(alternatives.map(({ name }) => [name, []]));
  const skipped: { case: string; reason: string }[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const { name, run, repetitions: own = repetitions } of alternatives) {
      const samples = taken.get(name);
      if (samples === undefined || repetition >= own) continue;
      console.error(`${title}: ${name}, ${repetition + 1} of ${own}`);
      try {
        samples.push(await run());
      } catch (error) {
        taken.delete(name);
        skipped.push({ case: name, reason: (error as Error).message.trim() });
      }
    }
  }
  return { samples: new Map([...taken].map(([name, samples]) => [name, medianOf(samples)])), skipped };
}
