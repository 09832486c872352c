import { expect, test } from 'vitest';
import { malformedMessages, wellFormed } from '../../fixtures/malformed-messages.js';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';
import type { SimulatedWorker } from '../../fixtures/simulated-worker.js';

/** A pool whose workers' ends are recorded. */
async function open() {
  const under = await SimulatedPool.open({ attempts: 2 });
  const reasons: (string | null)[] = [];
  under.pool.on('workerExit', ({ reason }) => reasons.push(reason));
  return { under, reasons };
}
const program = { text: '', weights: { w: new Uint8Array([5]) } };
const told = (worker: SimulatedWorker, payload: Uint8Array) => worker.handlers.onControl(payload);

/** What a pool is at when a worker talks nonsense: gives that worker, and what is to come to a good end. */
const states: Record<string, (under: SimulatedPool) => Promise<{ worker: SimulatedWorker; asked: Promise<string>[] }>> =
  {
    'that starts': async (under) => {
      under.worker(2).die(1, null);
      while (under.simulated.workers.length < 3) await under.simulated.settle(true);
      under.worker(3).hung = true;
      await under.settle();
      return { worker: under.worker(3), asked: [] };
    },
    'that stands by': async (under) => ({ worker: under.worker(2), asked: [] }),
    'that compiles': async (under) => {
      under.worker(1).hung = true;
      const asked = [outcome(under.pool.compile(program))];
      await under.simulated.settle();
      return { worker: under.worker(1), asked };
    },
    'that evaluates': async (under) => {
      const kernel = await under.kernel();
      under.worker(1).hung = true;
      return { worker: under.worker(1), asked: [under.run(kernel), under.run(kernel), outcome(kernel.update())] };
    },
    'that retires': async (under) => {
      const kernel = await under.kernel();
      under.worker(1).hung = true;
      const asked = [under.run(kernel)];
      void under.pool.recycle();
      await under.simulated.settle();
      return { worker: under.worker(1), asked };
    },
  };

test.each(Object.keys(states))(
  'a worker %s and talks nonsense is killed, and its work done elsewhere',
  async (state) => {
    for (const [name, payload] of malformedMessages) {
      const { under, reasons } = await open();
      const { worker, asked } = await states[state]!(under);
      const before = reasons.length;
      told(worker, payload);
      expect(worker.alive, name).toBe(false);
      expect(worker.connected, name).toBe(false);
      // What it says afterwards is not heard.
      told(worker, payload);
      await under.settle();
      expect(await Promise.all(asked), name).toEqual(asked.map(() => 'ok'));
      expect(reasons.slice(before), name).toEqual([expect.stringMatching(/^ERR_PROTOCOL: Expected /)]);
      expect(under.pool.stats().pending, name).toBe(0);
      await under.close();
    }
  },
);

test('nor is it believed where it is well formed but comes when nobody asked for it', async () => {
  for (const [name, payload] of Object.entries(wellFormed)) {
    const { under, reasons } = await open();
    told(under.worker(2), payload);
    await under.settle();
    expect(reasons, name).toEqual([expect.stringMatching(/^ERR_PROTOCOL: Expected /)]);
    await under.close();
  }
});

test.each([
  ['an unknown dispatch', 4711, 0],
  ['the second before the first', 1, 0],
  ['an unknown status', 0, 77],
])('an answer to %s ends its worker at once', async (_, id, status) => {
  const { under, reasons } = await open();
  const kernel = await under.kernel();
  under.worker(1).hung = true;
  const runs = [under.run(kernel), under.run(kernel)];
  under.worker(1).handlers.onCompletion(id, status, 1, '', 0, 0);
  await under.settle();
  expect(await Promise.all(runs)).toEqual(['ok', 'ok']);
  expect(reasons).toEqual([expect.stringMatching(/^ERR_PROTOCOL: Expected an answer to the oldest dispatch/)]);
  await under.close();
});
