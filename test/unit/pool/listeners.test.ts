import { type Kernel, poolEventNames } from '@mayfly/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

/** Messages of uncaught exceptions. */
const uncaught: string[] = [];
beforeEach(() => {
  uncaught.length = 0;
  process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error.message));
});
afterEach(() => process.setUncaughtExceptionCaptureCallback(null));

/** A life of a pool in which every event occurs; gives the outcomes of its calls. */
async function live(under: SimulatedPool): Promise<string[]> {
  const { pool } = under;
  const calls: Promise<string>[] = [];
  const settle = async (until: Promise<unknown>) => {
    calls.push(outcome(until));
    await under.settle();
  };
  const weights = { w: new Uint8Array([1]) };
  const kernels: Kernel[] = [];
  for (let i = 0; i < 3; i++) {
    await settle(pool.compile({ text: '', weights }).then((kernel) => kernels.push(kernel)));
  }
  for (const kernel of [...kernels, ...kernels]) await settle(kernel.update());
  for (const worker of under.simulated.processes) worker.fault = 'limit';
  for (const kernel of kernels) await settle(kernel.update());
  for (const kernel of kernels) calls.push(...Array.from({ length: 8 }, () => under.run(kernel)));
  await under.settle();
  void pool.recycle();
  await under.settle();
  for (const worker of under.simulated.processes) worker.die(null, 'SIGKILL');
  await under.settle();
  for (const worker of under.simulated.processes) worker.fault = 'dispatch';
  for (const kernel of kernels) calls.push(under.run(kernel));
  await under.settle();
  await settle(pool.compile({ text: '', weights }));
  const closed = pool.close();
  await under.settle();
  await closed;
  return Promise.all(calls);
}

const open = () =>
  SimulatedPool.open({
    workers: 2,
    attempts: 1,
    maxQueue: 10,
    budget: { failures: 100 },
    pacing: { backoffMs: 0 },
    chaos: { faults: { kill: 0.05 }, seed: 4 },
  });

test('that life has every event', async () => {
  const under = await open();
  const seen = new Set<string>();
  for (const name of poolEventNames) under.pool.on(name, () => seen.add(name));
  await live(under);
  expect(poolEventNames.filter((name) => !seen.has(name))).toEqual([]);
});

test.each(poolEventNames)('a listener that throws at every %s leaves the pool whole', async (name) => {
  const calm = await open();
  const expected = await live(calm);
  const under = await open();
  let thrown = 0;
  under.pool.on(name, () => {
    thrown += 1;
    throw new Error(`from ${name}`);
  });
  expect(await live(under)).toEqual(expected);
  expect(thrown).toBeGreaterThan(0);
  expect(uncaught).toEqual(Array(thrown).fill(`from ${name}`));
  expect(under.pool.stats()).toMatchObject({ pending: 0, workers: [] });
  expect(under.processes).toEqual([]);
});

const actions: Record<string, (under: SimulatedPool, kernel: Kernel) => unknown> = {
  compile: ({ pool }) => outcome(pool.compile({ text: '', weights: { w: new Uint8Array([2]) } })),
  run: (under, kernel) => under.run(kernel),
  update: (_, kernel) => outcome(kernel.update()),
  dispose: (_, kernel) => kernel.dispose(),
  recycle: ({ pool }) => pool.recycle(),
  close: ({ pool }) => pool.close(),
  destroy: ({ pool }) => pool.destroy(),
};

test.each(poolEventNames.flatMap((name) => Object.keys(actions).map((action) => [action, name] as const)))(
  '%s from a listener of %s: every call settles, the pool ends',
  async (action, name) => {
    const under = await open();
    const kernel = await under.kernel();
    const asked: unknown[] = [];
    under.pool.on(name, () => {
      if (asked.length < 5) asked.push(actions[action]!(under, kernel));
    });
    await live(under);
    expect(asked.length).toBeGreaterThan(0);
    await Promise.all(asked);
    expect(under.pool.stats()).toMatchObject({ pending: 0, workers: [], kernels: [] });
    expect(under.processes).toEqual([]);
    expect(uncaught).toEqual([]);
  },
);

test.each([
  [
    'run',
    ({ tensor }: SimulatedPool, kernel: Kernel) => {
      const options = {
        get signal() {
          void kernel.dispose();
          return undefined;
        },
      };
      return kernel.run(tensor, tensor, options);
    },
  ],
  [
    'update',
    (_: SimulatedPool, kernel: Kernel) =>
      kernel.update({
        get w() {
          void kernel.dispose();
          return new Uint8Array([1]);
        },
      }),
  ],
  [
    'compile',
    ({ pool }: SimulatedPool) =>
      pool.compile({
        text: '',
        weights: {
          get w() {
            void pool.destroy();
            return new Uint8Array([1]);
          },
        },
      }),
  ],
] as const)('a getter of the arguments of %s that ends what was called', async (_, call) => {
  const under = await SimulatedPool.open({});
  const called = outcome(call(under, await under.kernel()));
  await under.settle();
  expect(await called).toMatch(/^ERR_(KERNEL_DISPOSED|POOL_CLOSED)$/);
  await under.close();
  expect(under.pool.stats().pending).toBe(0);
});

test('a list of faults that is missing injects none', async () => {
  const under = await SimulatedPool.open({ chaos: {} });
  const kernel = await under.kernel();
  expect(await under.ran(kernel)).toBe('ok');
  await under.close();
});

test('a getter that runs the kernel with newer weights keeps the order of generations', async () => {
  const under = await SimulatedPool.open({});
  const kernel = await under.kernel();
  const inner: Promise<string>[] = [];
  const options = {
    get signal() {
      inner.push(outcome(kernel.update({ w: new Uint8Array([9]) })), under.run(kernel));
      return undefined;
    },
  };
  const run = outcome(kernel.run(under.tensor, under.tensor, options));
  await under.settle();
  expect(await Promise.all([run, ...inner])).toEqual(['ok', 'ok', 'ok']);
  await under.close();
});
