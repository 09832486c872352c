import { expect, test } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

const OPTIONS = { standby: 0 };

test('compilations given up before their turn are not done, and take nothing of the budget', async () => {
  const under = await SimulatedPool.open(OPTIONS);
  await under.kernel();
  const abort = new AbortController();
  const [posts, { compilations }] = [under.simulated.posts, under.pool.stats()];
  const calls = Array.from({ length: 20 }, () => outcome(under.pool.compile({ text: '' }, { signal: abort.signal })));
  abort.abort(new Error('enough'));
  await under.settle();
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['enough']));
  // The first was sent at once, and is unloaded again.
  expect(under.simulated.posts - posts).toBeLessThanOrEqual(2);
  expect(under.pool.stats()).toMatchObject({ pending: 0, kernels: [{}] });
  expect(under.pool.stats().compilations - compilations).toBeLessThanOrEqual(1);
  await under.close();
});

test('the compilation of a kernel that was given up is not repeated where its worker dies', async () => {
  const under = await SimulatedPool.open(OPTIONS);
  under.worker(1).hung = true;
  const abort = new AbortController();
  const compiled = outcome(under.pool.compile({ text: '' }, { signal: abort.signal }));
  await under.settle();
  abort.abort();
  under.worker(1).die(null, 'SIGKILL');
  await under.settle();
  await compiled;
  expect(under.pool.stats()).toMatchObject({ pending: 0, kernels: [], compilations: 1 });
  await under.close();
});

test('a kernel is disposed of once the compilation that reads its weights is answered', async () => {
  const under = await SimulatedPool.open(OPTIONS);
  const kernel = await under.kernel();
  const updated = outcome(kernel.update());
  await under.settle(1);
  let disposed = false;
  const disposal = kernel.dispose().then(() => {
    disposed = true;
  });
  await under.settle(1);
  expect(disposed).toBe(false);
  await under.settle();
  await disposal;
  expect(await updated).toBe('ERR_KERNEL_DISPOSED');
  await under.close();
});
