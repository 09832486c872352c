import { setImmediate } from 'node:timers/promises';
import { createPool, createTrainer, type Pool, type StepRecord, type TrainOptions } from '@mayfly/core';
import { TokenArray } from '@mayfly/core/testing';
import { addon, type OuterProduct } from '@mayfly/native';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { smallConfig } from '../../fixtures/small-model.js';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const { pool: _, ...common } = { ...smallRun, data };

afterEach(() => vi.restoreAllMocks());

/**
 * Updates of the preset `tiny`, in their order: rows of the embedding that the next pass reads, nine parameters of each of two layers, final
 * norm, the other rows.
 */
const TENSORS = 1 + 2 * 9 + 1 + 1;
/** Enough turns of the event loop for whatever does not wait. */
const turns = async (count = 100) => {
  for (let turn = 0; turn < count; turn++) await setImmediate();
};

/** A door that calls wait at until it is opened. */
class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

type Queued = keyof typeof addon.mathQueue;

/** Lets call `index` (from 0) of a function of the queue wait for a gate, after its work. */
function holdUp(name: 'adamw' | 'outerProducts', index: number): Gate {
  const gate = new Gate();
  const call = addon.mathQueue[name as Queued] as (...args: unknown[]) => Promise<void>;
  let calls = 0;
  vi.spyOn(addon.mathQueue as unknown as Record<string, typeof call>, name).mockImplementation((...args) => {
    const done = call(...args);
    return calls++ === index ? gate.opened.then(() => done) : done;
  });
  return gate;
}

/** A pool of its own whose kernels note their runs, by name. */
async function watchedPool(runs: string[]): Promise<Pool> {
  const pool = await createPool({ standby: 1, arenaBytes: 2 ** 27 });
  const compile = pool.compile.bind(pool);
  pool.compile = async (program, options) => {
    const kernel = await compile(program, options);
    const run = kernel.run.bind(kernel);
    kernel.run = (...args) => {
      runs.push(program.name ?? '');
      return run(...args);
    };
    return kernel;
  };
  return pool;
}

const passes = { forward: ['attention.forward', 'feedForward.forward'], backward: ['feedForward.backward'] };

describe.each(['dynamic', 'static'] as const)('with %s weights', (weights) => {
  const options: TrainOptions = { ...common, accumulate: 1, weights };
  const layerOf = (layer: number, name: string) => (weights === 'static' ? `layer-${layer}.${name}` : name);
  const first = passes.forward.map((name) => layerOf(0, name));
  const second = passes.forward.map((name) => layerOf(1, name));

  test.each([
    ['the rows of its tokens', 0, []],
    ['layer 0', 1, []],
    ['layer 1', 10, first],
    ['the last parameter of layer 1', 18, first],
    ['the final norm', 19, [...first, ...second]],
    ['the other rows of the table', 20, [...first, ...second]],
  ])('the next forward pass goes as far as the update of %s, and no farther', async (_, tensor, before) => {
    const expected = fingerprint(await runTraining({ ...options, pool: { standby: 0 } }));
    const runs: string[] = [];
    const gate = holdUp('adamw', TENSORS + tensor);
    await using pool = await watchedPool(runs);
    await using trainer = await createTrainer({ ...options, pool });
    const steps = trainer.steps();
    await steps.next();
    await steps.next();
    runs.length = 0;
    const third = steps.next();
    while (runs.length < before.length) await setImmediate();
    await turns();
    expect(runs).toEqual(before);
    // The worker dies in the middle of the update: its kernels find another.
    process.kill(pool.stats().workers.find(({ state }) => state === 'serving')!.pid, 'SIGKILL');
    gate.open();
    expect((await third).value).toMatchObject({ step: 3 });
    expect(runs.slice(0, 4)).toEqual([...first, ...second]);
    for await (const _ of steps);
    expect(fingerprint({ summary: trainer.summary() })).toEqual(expected);
  });
});

describe('whatever reads the parameters waits for all of the update', () => {
  const options: TrainOptions = { ...common, accumulate: 1, pool: { standby: 0 } };

  test.each<[string, (trainer: Awaited<ReturnType<typeof createTrainer>>, steps: AsyncGenerator) => Promise<unknown>]>([
    ['save', (trainer) => trainer.save()],
    ['the end of a loop', (_, steps) => steps.return(undefined)],
    ['close', (trainer) => trainer.close()],
  ])('%s', async (name, wait) => {
    const gate = holdUp('adamw', TENSORS - 1);
    const out = `${folder}/${name}`;
    await using trainer = await createTrainer({ ...options, out });
    const steps = trainer.steps();
    await steps.next();
    const ended: string[] = [];
    const waiting = wait(trainer, steps).then(() => ended.push('waited'));
    await turns();
    ended.push('opened');
    gate.open();
    await waiting;
    expect(ended).toEqual(['opened', 'waited']);
    if (name !== 'close') await steps.return(undefined);
  });

  test('evaluate, with a table of its own for the classifier, of tokens that the next step does not read', async () => {
    const runs: string[] = [];
    // The rows that the next step reads, nine parameters of two layers, final norm, classifier, the other rows.
    const gate = holdUp('adamw', 1 + 2 * 9 + 1 + 1);
    await using pool = await watchedPool(runs);
    const model = { ...smallConfig, vocab: 256, tiedHead: false };
    await using trainer = await createTrainer({ ...options, pool, model });
    const steps = trainer.steps();
    await steps.next();
    runs.length = 0;
    const evaluation = trainer.evaluate(
      new TokenArray(
        Uint16Array.from({ length: 33 }, () => 255),
        'others',
      ),
      [0, 1],
    );
    await turns();
    expect(runs).toEqual([]);
    gate.open();
    await evaluation;
    expect(runs).not.toEqual([]);
    await steps.return(undefined);
  });

  test('digest and summary between two steps are those of the updated parameters', async () => {
    const digests = async (settle: boolean) => {
      await using trainer = await createTrainer(options);
      const found: string[] = [];
      for await (const _ of trainer.steps()) {
        if (settle) await turns();
        found.push(trainer.parametersDigest(), trainer.summary().paramsSha256);
      }
      return found;
    };
    const found = await digests(false);
    expect(found).toEqual(await digests(true));
    expect(new Set(found).size).toBe(smallRun.steps);
  });
});

describe('an error of an update names its step', () => {
  const failing = (index: number) => {
    const { adamw } = addon.mathQueue;
    let calls = 0;
    vi.spyOn(addon.mathQueue as { adamw: typeof adamw }, 'adamw').mockImplementation((arena, given) =>
      adamw(arena, calls++ === index ? { ...given, weights: -4 } : given),
    );
  };
  const error = { code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(/^the update of step 2: Expected /) };
  const options: TrainOptions = { ...common, accumulate: 1, pool: { standby: 0 } };

  test.each([0, 5, TENSORS - 1])('and ends the step after it: tensor %i', async (tensor) => {
    failing(TENSORS + tensor);
    await using trainer = await createTrainer(options);
    const steps: StepRecord[] = [];
    const train = async () => {
      for await (const record of trainer.steps()) steps.push(record);
    };
    await expect(train()).rejects.toMatchObject(error);
    expect(steps.map(({ step }) => step)).toEqual([1, 2]);
    expect(trainer.summary().reason).toBe('failed');
  });

  test('and ends the run where it is the last', async () => {
    failing(TENSORS + 5);
    await using trainer = await createTrainer({ ...options, steps: 2 });
    await expect(trainer.train()).rejects.toMatchObject(error);
    expect(trainer.summary().reason).toBe('failed');
  });

  test('and rejects save', async () => {
    failing(TENSORS + 5);
    await using trainer = await createTrainer({ ...options, out: `${folder}/failing` });
    const steps = trainer.steps();
    await steps.next();
    await steps.next();
    await expect(trainer.save()).rejects.toMatchObject(error);
    await steps.return(undefined);
  });
});

test('weight gradients of a pass go on while the next pass of the step begins, where sums are merged, too', async () => {
  const PASSES = 6;
  const options: TrainOptions = { ...common, accumulate: PASSES, steps: 2, weights: 'static' };
  const expected = fingerprint(await runTraining({ ...options, pool: { standby: 0 } }));
  const runs: string[] = [];
  // The fourth pass completes a four. Its first products are those of the last block.
  const gate = holdUp('outerProducts', 3 * 4);
  await using pool = await watchedPool(runs);
  await using trainer = await createTrainer({ ...options, pool });
  const done = trainer.train();
  const before = ['layer-0.attention.forward', 'layer-0.feedForward.forward', 'layer-1.attention.forward'];
  while (runs.length < 4 * 8 + before.length) await setImmediate();
  await turns();
  expect(runs.slice(4 * 8)).toEqual(before);
  gate.open();
  await done;
  expect(fingerprint({ summary: trainer.summary() })).toEqual(expected);
});

test('the gradient of the table of a classifier on the device begins with the loss', async () => {
  const tables: boolean[] = [];
  const { outerProducts } = addon.mathQueue;
  vi.spyOn(addon.mathQueue as { outerProducts: typeof outerProducts }, 'outerProducts').mockImplementation(
    (arena, products: readonly OuterProduct[], threads) => {
      tables.push(products[0]!.aType === 'fp32');
      return outerProducts(arena, products, threads);
    },
  );
  const blocks = [false, false, false, false];
  for (const tiedHead of [true, false]) {
    tables.length = 0;
    const model = { ...smallConfig, vocab: 256, tiedHead };
    await runTraining({ ...common, accumulate: 3, steps: 1, model, classifier: 'device', pool: { standby: 0 } });
    expect(tables).toEqual([true, ...blocks, true, ...blocks, true, ...blocks]);
  }
});
