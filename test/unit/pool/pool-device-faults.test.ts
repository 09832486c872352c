import { expect, test } from 'vitest';
import { Pool } from '../../../packages/core/src/pool/pool.js';
import { resolvePoolOptions } from '../../../packages/core/src/pool/pool-options.js';
import { SimulatedWorkers } from './simulated-workers.js';

/** A pool on workers that the test steps by hand; every device fails every dispatch while `failing`. */
async function simulatedPool() {
  const simulated = new SimulatedWorkers();
  const pool = new Pool(resolvePoolOptions({ arenaBytes: 2 ** 20, attempts: 2 }), simulated.transport);
  const settle = async (failing: boolean) => {
    for (let turn = 0; turn < 30; turn++) {
      for (const worker of simulated.alive) worker.fault = failing ? 'dispatch' : null;
      await simulated.settle(failing);
    }
  };
  const opened = pool.open();
  await settle(false);
  await opened;
  const kernel = async () => {
    const compiled = pool.compile({ text: '', weights: { w: new Uint8Array([7]) } });
    await settle(false);
    return compiled;
  };
  const code = (promise: Promise<unknown>) =>
    promise.then(
      () => 'ok',
      (error: Error & { code?: string }) => error.code ?? error.message,
    );
  return { pool, settle, kernel, code, tensor: () => pool.arena.tensor('fp32', [1]) };
}

test('a kernel that the device fails on several workers is quarantined; others go on', async () => {
  const { pool, settle, kernel, code, tensor } = await simulatedPool();
  const [bad, good] = [await kernel(), await kernel()];
  const quarantined: string[] = [];
  pool.on('kernel-quarantine', (event) => quarantined.push(event.kernel));
  const run = code(bad.run(tensor(), tensor()));
  await settle(true);
  expect(await run).toBe('ERR_KERNEL_QUARANTINED');
  expect(quarantined).toEqual([bad.name]);
  const bystander = code(good.run(tensor(), tensor()));
  await settle(false);
  expect(await bystander).toBe('ok');
  expect(await code(bad.run(tensor(), tensor()))).toBe('ERR_KERNEL_QUARANTINED');
  const closed = pool.close();
  await settle(false);
  await closed;
});

test('a device that fails whatever is asked on fresh workers stops the pool, which says what to do', async () => {
  const { pool, settle, kernel, code, tensor } = await simulatedPool();
  const kernels = [await kernel(), await kernel(), await kernel()];
  const runs = kernels.map((each) => code(each.run(tensor(), tensor())));
  await settle(true);
  expect(await Promise.all(runs)).toContain('ERR_DEVICE_STUCK');
  expect(await code(pool.compile({ text: '' }))).toBe('ERR_DEVICE_STUCK');
  const closed = pool.destroy();
  await settle(false);
  await closed;
});
