import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { MayflyError } from '@mayfly/native';
import { readTextIfThere } from '../files/read-file.js';
import type { AnyOptionTable } from '../option-table.js';
import { type FilledTrainOptions, trainOptions } from './options.js';
import type { Ranks } from './ranks.js';
import type { RunInputs } from './run-inputs.js';

/** Options that ranks may not share: paths, which each machine has its own of, and times that one rank decides. */
const own: ReadonlySet<string> = new Set([
  ...['model', 'data', 'validation', 'tokenizer'],
  ...['checkpointEvery', 'checkpointMinutes', 'keep', 'keepEvery'],
  // Only the first rank lets the model write.
  ...['sample', 'sampleEvery', 'sampleTokens'],
]);

/**
 * Compares the options on which the numbers of a run depend.
 *
 * @throws `ERR_RANKS_DIFFER` on all ranks, which names the option and the rank.
 */
export async function expectSameOptions(ranks: Ranks, options: FilledTrainOptions): Promise<void> {
  if (ranks.size === 1) return;
  const table = trainOptions as AnyOptionTable;
  const names = Object.keys(table).filter((name) => (table[name]!.saved || table[name]!.agreed) && !own.has(name));
  const values = {
    ...Object.fromEntries(names.map((name) => [name, options[name as keyof FilledTrainOptions]])),
    precision: options.pool.precision,
    // A share of the data, or data of its own.
    validation: typeof options.validation === 'string' ? 'a path' : options.validation,
  } as Record<string, unknown>;
  await ranks.expectAlike(values, (first, other, rank) => {
    const name = Object.keys(first).find((each) => !isDeepStrictEqual(first[each], other[each]));
    if (name === undefined) return null;
    return differ(
      `Expected ${name} to be ${shown(first[name])} as on rank 0, got ${shown(other[name])} on rank ${rank}`,
    );
  });
}

/**
 * Compares the contents of model, data and tokenizer.
 *
 * @throws `ERR_RANKS_DIFFER` on all ranks, which names the input and the rank.
 */
export async function expectSameInputsOnRanks(ranks: Ranks, inputs: RunInputs): Promise<void> {
  if (ranks.size === 1) return;
  await ranks.expectAlike(inputs, (first, other, rank) => {
    for (const name of ['model', 'data', 'validation', 'tokenizer'] as const) {
      const [one, another] = [first[name] ?? null, other[name] ?? null];
      if (one?.sha256 === another?.sha256) continue;
      const called = name === 'validation' ? 'validation data' : name;
      const place = (input: typeof one) =>
        input === null ? 'none' : `${input.source} (SHA-256 ${input.sha256.slice(0, 16)}…)`;
      return differ(
        `Expected the ${called} of all ranks to be the same, got ${place(one)} on rank 0 and ${place(another)} on rank ${rank}`,
      );
    }
    return null;
  });
}

/** The ranks with which this one shares a machine, itself among them. */
export interface Neighbours {
  /** All of them, which share its memory. */
  readonly ranks: number;
  /** Those that may use the same processors. Launchers can give each rank its own. */
  readonly onProcessors: number;
}

/** Counts the ranks on this machine. */
export async function ranksHere(ranks: Ranks): Promise<Neighbours> {
  const own = { host: hostname(), processors: allowedProcessors() };
  const here = (await ranks.gather(own)).filter(({ host }) => host === own.host);
  const together = here.filter(({ processors }) => processors === own.processors);
  return { ranks: here.length, onProcessors: together.length };
}

/** The processors that this process may run on, such as `0-3`; empty where the system binds none. */
function allowedProcessors(): string {
  const status = readTextIfThere('/proc/self/status') ?? '';
  return /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '';
}

const differ = (message: string): MayflyError => new MayflyError('ERR_RANKS_DIFFER', message);

const shown = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'object' ? JSON.stringify(value) : String(value);
