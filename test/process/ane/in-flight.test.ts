import type { TrainOptions } from '@mayfly/core';
import { expect, test } from 'vitest';
import { emulators, useRuntime } from '../../fixtures/ane-emulator.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
useRuntime('T1', emulators[0]!.path, folder);
// What kernels read of a pass waits in surfaces that another one must not write.
Object.assign(process.env, { MAYFLY_ANE_SURFACES: 'shared', MAYFLY_ANE_PREFETCH: 'on' });

const options: TrainOptions = { ...smallRun, data, batch: 1, accumulate: 4, steps: 2 };
const poolOf = (workers: number) => ({
  ...{ device: 'ane', workers, standby: 0 },
  budget: { compilations: 10_000, livePrograms: 1000 },
});

const ways: readonly (readonly [name: string, given: TrainOptions])[] = [
  ['static weights', { weights: 'static' }],
  ['dynamic weights', {}],
  ['adapters', { lora: { rank: 2 } }],
];

test.each(fullProduct ? ways : ways.slice(0, 1))(
  'passes in flight on the device give the bits of one at a time: %s',
  async (_, given) => {
    const outcomeOf = async (inFlight: number, workers: number) =>
      fingerprint(await runTraining({ ...options, ...given, inFlight, pool: poolOf(workers) }));
    const one = await outcomeOf(1, 1);
    expect(await outcomeOf(3, 1)).toEqual(one);
    expect(await outcomeOf(2, 2)).toEqual(one);
  },
);
