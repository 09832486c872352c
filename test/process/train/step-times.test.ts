import { tracingChannel } from 'node:diagnostics_channel';
import { setTimeout } from 'node:timers/promises';
import { createPool, createTrainer, TokenArray, type Trainer, type TrainOptions } from '@mayfly/core';
import { addon } from '@mayfly/native';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { smallTokens } from '../../fixtures/small-model.js';
import { smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
/** A step takes some milliseconds. */
const HELD_MS = 200;
const pool = await createPool({ standby: 0, arenaBytes: 2 ** 28 });
const options: TrainOptions = { ...smallRun, model: 'tiny', data, accumulate: 1, steps: 2, tokenizer: 'bytes', pool };

afterEach(() => vi.restoreAllMocks());
afterAll(() => pool.close());

/** Holds up the last tensor of the first update, until it is released. */
function holdUpFirstUpdate(): () => void {
  // Rows of the embedding that the next pass reads, nine parameters of each of two layers, final norm, the other rows.
  const tensors = 1 + 2 * 9 + 1 + 1;
  const { adamw } = addon.mathQueue;
  let release!: () => void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let calls = 0;
  vi.spyOn(addon.mathQueue as { adamw: typeof adamw }, 'adamw').mockImplementation((...args) => {
    calls += 1;
    const done = adamw(...args);
    return calls === tensors ? released.then(() => done) : done;
  });
  return release;
}

/** Holds up what kernels that are compiled from now on make of their first updated weights, until it is released. */
function holdUpFirstCompilations(): () => void {
  let release!: () => void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const compile = pool.compile.bind(pool);
  vi.spyOn(pool, 'compile').mockImplementation(async (...args: Parameters<typeof compile>) => {
    const kernel = await compile(...args);
    const update = kernel.update.bind(kernel);
    vi.spyOn(kernel, 'update').mockImplementation(async () => {
      await update();
      await released;
    });
    return kernel;
  });
  return release;
}

/** Blocks the thread, and says for how many milliseconds. */
function block(): number {
  const began = performance.now();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  return performance.now() - began;
}

/** Blocks the thread within such work, as long as this is not disposed of, and notes the milliseconds of each time. */
function blockWithin(name: 'evaluation' | 'sample' | 'checkpoint', blocked: number[]): Disposable {
  const { start } = tracingChannel(`mayfly:${name}`);
  const listener = () => blocked.push(block());
  start.subscribe(listener);
  return { [Symbol.dispose]: () => start.unsubscribe(listener) };
}

const evaluate = (trainer: Trainer) => trainer.evaluate(new TokenArray(smallTokens(17, 200), 'others'), [0, 1]);
const generate = (trainer: Trainer) => trainer.generate([1, 2, 3], { maxTokens: 1 }).next();

const duringTraining: [string, TrainOptions][] = [
  ['an evaluation', { validation: data, evaluateEvery: 1, evaluateWindows: 1 }],
  ['a sample', { sample: 'once', sampleEvery: 1, sampleTokens: 1 }],
  ['a checkpoint', { checkpointEvery: 1 }],
];

describe('what is left of an update is part of the step after it where it is waited for by', () => {
  test.each(duringTraining)('%s', async (name, more) => {
    const release = holdUpFirstUpdate();
    await using trainer = await createTrainer({ ...options, ...more, out: `${folder}/left ${name}` });
    const ended = new Promise<number>((resolve) => trainer.once('step', () => resolve(performance.now())));
    const steps = trainer.steps();
    const first = steps.next();
    const began = await ended;
    await setTimeout(HELD_MS);
    const heldMs = performance.now() - began;
    release();
    await first;
    const { value: second } = await steps.next();
    expect(second!.ms).toBeGreaterThanOrEqual(heldMs);
    expect(second!.tokensPerSecond).toBeCloseTo((1000 * options.batch! * options.seq!) / second!.ms, 6);
    await steps.return(undefined);
  });

  test.each<[string, (trainer: Trainer) => Promise<unknown>, Partial<TrainOptions>, () => () => void]>([
    ['save', (trainer) => trainer.save(), {}, holdUpFirstUpdate],
    ['evaluate', evaluate, {}, holdUpFirstUpdate],
    ['generate', generate, {}, holdUpFirstUpdate],
    ['evaluate, of static weights', evaluate, { weights: 'static' }, holdUpFirstCompilations],
    ['generate, of static weights', generate, { weights: 'static' }, holdUpFirstCompilations],
  ])('%s', async (name, wait, more, holdUp) => {
    const release = holdUp();
    await using trainer = await createTrainer({ ...options, ...more, out: `${folder}/left ${name}` });
    const steps = trainer.steps();
    await steps.next();
    const waiting = wait(trainer);
    const began = performance.now();
    await setTimeout(HELD_MS);
    const heldMs = performance.now() - began;
    release();
    await waiting;
    expect((await steps.next()).value!.ms).toBeGreaterThanOrEqual(heldMs);
    await steps.return(undefined);
  });

  test('the end of a run, of which the mean of all steps tells', async () => {
    const release = holdUpFirstUpdate();
    await using trainer = await createTrainer({ ...options, steps: 1 });
    const steps = trainer.steps();
    const { value: only } = await steps.next();
    const ended = steps.next();
    const began = performance.now();
    await setTimeout(HELD_MS);
    const heldMs = performance.now() - began;
    release();
    await ended;
    expect(trainer.summary().msPerStep).toBeGreaterThanOrEqual(only!.ms + heldMs);
  });
});

test('evaluations, samples, checkpoints and what a caller does between steps are no part of any step', async () => {
  const blocked: number[] = [];
  using _evaluations = blockWithin('evaluation', blocked);
  using _samples = blockWithin('sample', blocked);
  using _checkpoints = blockWithin('checkpoint', blocked);
  const more = Object.assign({}, ...duringTraining.map(([, each]) => each));
  await using trainer = await createTrainer({ ...options, ...more, out: `${folder}/without`, steps: 4 });
  const began = performance.now();
  let stepMs = 0;
  for await (const step of trainer.steps()) {
    stepMs += step.ms;
    blocked.push(block());
  }
  const wallMs = performance.now() - began;
  // The first evaluation is before the first step, the last checkpoint after the last.
  expect(blocked).toHaveLength(5 + 4 + 4 + 4);
  const mostMs = wallMs - blocked.reduce((sum, ms) => sum + ms);
  const allMs = 4 * trainer.summary().msPerStep;
  expect(stepMs).toBeLessThanOrEqual(allMs);
  expect(allMs).toBeLessThanOrEqual(mostMs);
});
