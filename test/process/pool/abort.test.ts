import { ArenaScope, createPool, type Pool, type PoolEvents } from '@mayfly/core';
import { afterEach, expect, test } from 'vitest';
import { scaleProgram, slowProgram } from '../../fixtures/programs.js';

const SIDE = 128;
let pool: Pool;
afterEach(async () => {
  await pool.destroy();
});

const exitOf = (from: Pool) => new Promise<PoolEvents['workerExit'][0]>((resolve) => from.once('workerExit', resolve));

/** A kernel that takes some seconds, which is not yet known of it, and one beside it on the same worker. */
async function slowAndQuick(abandonMs: number) {
  pool = await createPool({ timeouts: { abandonMs } });
  const slow = await pool.compile({ name: 'slow', text: slowProgram(SIDE, 20_000) });
  const quick = await pool.compile({ name: 'quick', text: scaleProgram(SIDE, 3) });
  const matrix = () => pool.arena.tensor('fp32', [SIDE, SIDE]);
  const [x, y] = [pool.arena.tensor('fp32', [1, SIDE]), pool.arena.tensor('fp32', [1, SIDE])];
  x.array().fill(2);
  const run = async () => {
    y.array().fill(0);
    await quick.run(x, y);
    expect(y.array()[SIDE - 1]).toBe(6);
  };
  return { slow: (signal: AbortSignal) => slow.run(matrix(), matrix(), { signal }), run };
}

test('an abandoned long evaluation ends its worker, and another worker does the runs behind it', async () => {
  const { slow, run } = await slowAndQuick(50);
  const abort = new AbortController();
  const running = slow(abort.signal);
  const behind = run();
  const exited = exitOf(pool);
  abort.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
  await behind;
  expect(await exited).toMatchObject({
    ...{ signal: 'SIGKILL', expected: true, reason: 'no answer to an abandoned dispatch in 50 ms' },
  });
  expect(pool.stats()).toMatchObject({ deaths: 0, pending: 0 });
  await run();
});

test.each([60_000, 1])(
  'memory of an aborted run is the caller’s once it has settled (abandonMs %i)',
  async (abandonMs) => {
    pool = await createPool({ threads: 1, timeouts: { abandonMs } });
    const kernel = await pool.compile({ text: slowProgram(SIDE, 1000) });
    const scope = new ArenaScope(pool.arena);
    const [x, y] = [scope.tensor('fp32', [SIDE, SIDE]), scope.tensor('fp32', [SIDE, SIDE])];
    x.array().fill(1 / SIDE);
    const abort = new AbortController();
    const aborted = kernel.run(x, y, { signal: abort.signal });
    // Sent by now.
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    scope.free();
    const others = [x, y].map(({ shape }) => pool.arena.tensor('fp32', shape));
    for (const other of others) other.array().fill(42);
    expect(others.map(({ offset }) => offset)).toEqual([x.offset, y.offset]);
    // A worker that were still at it would be done with it before this.
    const [a, b] = [pool.arena.tensor('fp32', [SIDE, SIDE]), pool.arena.tensor('fp32', [SIDE, SIDE])];
    await kernel.run(a, b);
    for (const other of others) expect(other.array().every((value) => value === 42)).toBe(true);
  },
);
