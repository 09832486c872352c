import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, createTrainer, evaluate, type Pool, type TrainOptions } from '@mayfly/core';
import { expect, test } from 'vitest';
import { runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const short = join(folder, 'short.u16');
writeFileSync(short, new Uint16Array(16));
const foreign = join(folder, 'foreign.u16');
writeFileSync(
  foreign,
  Uint16Array.from({ length: 100 }, (_, index) => (index === 77 ? 300 : 1)),
);

test.each<[string, TrainOptions, string]>([
  ['a window longer than the context', { seq: 129 }, 'ERR_INVALID_ARGUMENT'],
  ['no such model', { model: join(folder, 'none.bin') }, 'ERR_FILE_NOT_FOUND'],
  ['no such data', { data: join(folder, 'none.u16') }, 'ERR_FILE_NOT_FOUND'],
  ['a stream shorter than a window', { data: short }, 'ERR_DATA_SHORT'],
  ['a token that the model does not have', { data: foreign }, 'ERR_TOKEN_RANGE'],
  ['a budget that holds less than the kernels', { pool: { workers: 1, budget: { compilations: 3 } } }, 'ERR_BUDGET'],
  ['a run that is not there', { resume: join(folder, 'none') }, 'ERR_FILE_NOT_FOUND'],
  ['an unknown device', { pool: { device: 'gpu' } }, 'ERR_DEVICE_UNAVAILABLE'],
])('%s is an error', async (_, options, code) => {
  await expect(createTrainer({ ...smallRun, data, ...options })).rejects.toMatchObject({ code });
});

test('a pool whose arena is too small says how much is needed, and serves on', async () => {
  await using pool = await createPool({ arenaBytes: 1_000_000, standby: 0 });
  await expect(createTrainer({ ...smallRun, data, pool })).rejects.toMatchObject({
    code: 'ERR_ARENA_FULL',
    message: expect.stringMatching(/raise arenaBytes to at least \d{7}/),
  });
  expect(pool.arena.usedBytes).toBe(0);
});

test('the arena that the message asks for is exactly enough, and is given back', async () => {
  await using small = await createPool({ arenaBytes: 4096, standby: 0 });
  const refused = await createTrainer({ ...smallRun, data, pool: small }).then(
    () => '',
    (error: Error) => error.message,
  );
  const arenaBytes = Number(/at least (\d+)/.exec(refused)?.[1]);
  await using pool = await createPool({ arenaBytes, standby: 0 });
  const { summary } = await runTraining({ ...smallRun, data, steps: 1, pool }, 1);
  expect(summary.reason).toBe('finished');
  expect(pool.arena.usedBytes).toBe(0);
  expect(pool.arena.bytes - arenaBytes).toBeLessThan(4096);
});

test('windows that a stream does not have are an error', async () => {
  const out = join(folder, 'run');
  await runTraining({ ...smallRun, data, out, steps: 1 });
  await expect(evaluate({ model: out, data, window: 16, windows: [0, 1000] })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('0 ≤ A < B ≤ 249'),
  });
});

test('a second loop over the steps of a trainer is an error, and the first goes on to its last step', async () => {
  await using trainer = await createTrainer({ ...smallRun, data, steps: 6 });
  const [first, second] = await Promise.allSettled([trainer.train(), trainer.train()]);
  expect(first).toMatchObject({ value: { reason: 'finished', lastStep: 6 } });
  expect(second).toMatchObject({ reason: { code: 'ERR_INVALID_ARGUMENT' } });
  expect(await trainer.train()).toMatchObject({ reason: 'finished', lastStep: 6 });
});

test('a value that is neither a pool nor its options is an error', async () => {
  await expect(createTrainer({ ...smallRun, data, pool: 3 as unknown as Pool })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('Expected the options of pool to be a plain object, got 3'),
  });
});
