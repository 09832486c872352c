import { createPool, type Pool, type PoolEvents } from '@mayfly/core';
import { afterEach, expect, test } from 'vitest';
import { scaleProgram, slowProgram } from '../fixtures/programs.js';

const SIDE = 128;
let pool: Pool;
afterEach(async () => {
  await pool.destroy();
});

const exitOf = (from: Pool) =>
  new Promise<PoolEvents['worker-exit'][0]>((resolve) => from.once('worker-exit', resolve));

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

test('a long evaluation that is given up ends its worker; what waits behind it is done by another', async () => {
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
