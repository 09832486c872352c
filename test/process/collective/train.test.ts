import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrainOptions, TrainSummary } from '@mayfly/core';
import { expect, test } from 'vitest';
import { fullProduct } from '../../fixtures/full-product.js';
import { describeLaunchers, type Launcher, linesOfRanks, runRanks } from '../../fixtures/mpirun.js';
import { fingerprint, runTraining, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const script = fileURLToPath(new URL('train.mjs', import.meta.url));
const folder = temporaryFolder();
const tokens = smallStream(folder);
const text = join(folder, 'text.jsonl');
writeFileSync(text, `${JSON.stringify({ text: 'Once upon a time a mayfly lived.' })}\n`.repeat(100));

const pool = { device: 'cpu', threads: 1, standby: 0 } as const;
const small = { data: tokens, batch: 1, seq: 16, steps: 3, lr: 3e-3, hostThreads: 1, pool } satisfies TrainOptions;
const onText = { ...small, data: text, tokenizer: 'bytes' } satisfies TrainOptions;

/** Every way to train that has its own gradients, sums or updates. */
const ways: Readonly<Record<string, TrainOptions>> = {
  dynamic: { ...small, lossScale: 'dynamic' },
  'static, muon': { ...small, weights: 'static', optimizer: 'muon' },
  'adapters with dropout': { ...onText, lora: { rank: 4, dropout: 0.3 } },
  'compact vocabulary, shuffled, validation': {
    ...{ ...onText, compactVocabulary: true, order: 'shuffled', validation: 0.2, evaluateEvery: 2 },
  },
  'document masks, untied': { ...onText, documentMask: true, order: 'sequential', classifier: 'host' },
  'gradients on the main thread': { ...small, hostThreads: 0, recompute: true },
};

interface Training {
  readonly options: TrainOptions;
  /** Options of one rank alone. */
  readonly byRank?: Readonly<Record<number, TrainOptions>>;
  /** Where not all targets count. */
  readonly counted?: object;
  /** The rank whose signal is aborted after a step. */
  readonly stop?: { readonly rank: number; readonly step: number };
}

interface Line {
  readonly rank: number;
  readonly index: number;
  readonly ended?: ReturnType<typeof fingerprint>;
  readonly reason?: TrainSummary['reason'];
  readonly best?: number;
  readonly records: readonly { readonly skipped: boolean; readonly loss: number | null }[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** How trainings ended: by training, then by rank. */
async function onRanks(launcher: Launcher, ranks: number, trainings: readonly Training[]): Promise<Line[][]> {
  const ended = await runRanks(launcher, ranks, script, [JSON.stringify(trainings)]);
  const lines = linesOfRanks<Line>(ended);
  expect(lines.length, ended.stderr).toBe(ranks * trainings.length);
  expect(ended.code, ended.stderr).toBe(0);
  return trainings.map((_, index) => lines.filter((line) => line.index === index));
}

const alone = new Map<string, Promise<{ ended: ReturnType<typeof fingerprint>; best: number | undefined }>>();

/** The same passes in one process. */
function inOne(name: string, options: TrainOptions) {
  const train = async () => {
    const outcome = await runTraining(options);
    return { ended: fingerprint(outcome), best: outcome.summary.best?.crossEntropy };
  };
  if (!alone.has(name)) alone.set(name, train());
  return alone.get(name)!;
}

describeLaunchers('training on ranks', (launcher) => {
  const sizes = fullProduct ? [2, 4] : [2];
  const names = Object.keys(ways).filter(
    (_, index) => fullProduct || (index + (launcher.name === 'MPICH' ? 1 : 0)) % 2 === 0,
  );

  test.each(sizes)('gives the bits of one process with as many passes: %i ranks', async (ranks) => {
    const accumulate = 4 / ranks;
    const trainings = names.flatMap((name, index) =>
      (fullProduct ? [false, true] : [index % 2 === 0]).map((shardOptimizer) => ({
        name,
        options: { ...ways[name]!, accumulate, shardOptimizer },
      })),
    );
    const found = await onRanks(launcher, ranks, trainings);
    for (const [index, lines] of found.entries()) {
      const { name } = trainings[index]!;
      const { ended, best } = await inOne(name, { ...ways[name]!, accumulate: 4 });
      for (const line of lines) expect({ name, ...line }).toMatchObject({ name, ended, ...(best && { best }) });
    }
  });
});
