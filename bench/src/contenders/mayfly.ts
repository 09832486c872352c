import type { Kernel } from '@mayfly/core';
import { Pool, processTransport, resolvePoolOptions } from '@mayfly/core/testing';
import { addon } from '@mayfly/native';
import { scaleProgram } from '../harness/programs.js';
import { BULK_FLOATS, type Contender } from './contender.js';

/** The whole public path: `kernel.run` of a tiny program, its tensors in the arena. */
export const mayfly: Contender = {
  name: 'mayfly',
  isolation: 'process',
  kind: 'pool',
  async open() {
    let lastWork = 0;
    // What each answer says that its evaluation took is not shown to callers.
    const pool = new Pool(resolvePoolOptions({ device: 'cpu', workers: 1, standby: 0, threads: 1 }), (arena) => {
      const start = processTransport(arena);
      return (settings, handlers) =>
        start(settings, {
          ...handlers,
          onCompletion: (id, status, nanoseconds, ...rest) => {
            lastWork = nanoseconds / 1000;
            handlers.onCompletion(id, status, nanoseconds, ...rest);
          },
        });
    });
    await pool.open();
    const none = await runner(pool, 64);
    let bulk: (() => Promise<void>) | null = null;
    return {
      ping: none,
      async bulk() {
        bulk ??= await runner(pool, BULK_FLOATS);
        await bulk();
      },
      lastWorkMicroseconds: () => lastWork,
      bulkWorkMicroseconds: () => evaluateHere(pool, BULK_FLOATS) - evaluateHere(pool, 64),
      close: () => pool.close(),
    };
  },
};

async function runner(pool: Pool, n: number): Promise<() => Promise<void>> {
  const kernel: Kernel = await pool.compile({ text: scaleProgram(n) });
  const [x, y] = [pool.arena.tensor('fp32', [1, n]), pool.arena.tensor('fp32', [1, n])];
  x.array().fill(1);
  y.array().fill(0);
  return () => kernel.run(x, y);
}

/** Median time of the same program on the same tensors in this process, without a pool. */
function evaluateHere(pool: Pool, n: number): number {
  const device = addon.openDevice('cpu', pool.arena.native, { threads: 1 });
  const { program } = device.compile(scaleProgram(n), []);
  const offsets = [pool.arena.tensor('fp32', [1, n]), pool.arena.tensor('fp32', [1, n])].map(({ offset }) => offset);
  const took = Float64Array.from({ length: 1000 }, () => {
    const begin = performance.now();
    device.evaluate(program, offsets);
    return (performance.now() - begin) * 1000;
  }).sort();
  device.close();
  return took[took.length >> 1]!;
}
