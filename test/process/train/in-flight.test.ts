import { presets, type TrainOptions } from '@mayfly/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { fullProduct } from '../../fixtures/full-product.js';
import { fingerprint, type Outcome, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const data = smallStream(temporaryFolder());

/** Five passes: a number that neither two nor three divides, and whose tree of sums merges a four with one. */
const options: TrainOptions = { ...smallRun, data, batch: 1, accumulate: 5, steps: 3, hostThreads: 1 };
const oneWorker = { standby: 0, threads: 1 };

const ways: readonly (readonly [name: string, given: TrainOptions])[] = [
  ['dynamic weights', {}],
  ['static weights', { weights: 'static' }],
  ['adapters and dropout', { lora: { rank: 2, dropout: 0.2 } }],
  ['a table of the classifier alone, and Muon', { model: { ...presets.tiny, tiedHead: false }, optimizer: 'muon' }],
];

describe.each(fullProduct ? ways : ways.slice(0, 3))('passes in flight: the same bits with %s', (name, given) => {
  let reference: Outcome;
  beforeAll(async () => {
    reference = await runTraining({ ...options, ...given, pool: oneWorker });
  });

  const variants: TrainOptions[] = [
    { inFlight: 3, hostThreads: 0, pool: oneWorker },
    { pool: { standby: 0, workers: 2, threads: 1 } },
    { inFlight: 2, pool: oneWorker },
    { inFlight: 3, pool: { standby: 1, workers: 3, threads: 1, budget: { evaluations: 40 } } },
  ];

  test.each(fullProduct ? variants : variants.slice(0, 2))('with %o', async (variant) => {
    expect(fingerprint(await runTraining({ ...options, ...given, ...variant }))).toEqual(fingerprint(reference));
  });

  test.runIf(fullProduct || name === 'dynamic weights')('with workers killed while passes are under way', async () => {
    const chaos = { faults: { kill: 0.05 }, seed: 1 };
    const pool = { standby: 1, workers: 2, threads: 1, attempts: 50, chaos };
    const outcome = await runTraining({ ...options, ...given, pool });
    expect(fingerprint(outcome)).toEqual(fingerprint(reference));
    expect(outcome.summary.workerDeaths).toBeGreaterThan(0);
  });
});
