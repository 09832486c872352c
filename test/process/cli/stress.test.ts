import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);
const cli = new URL('../../../packages/core/bin/mayfly.js', import.meta.url).pathname;
const soak = new URL('../../../packages/examples/dist/soak/index.js', import.meta.url);

interface Line {
  readonly event: string;
  readonly params_sha256: string;
  readonly losses_sha256: string;
  readonly kill: number;
  readonly crash: number;
  readonly limit: number;
  readonly worker_deaths: number;
}

async function stress(...options: readonly string[]) {
  const { stdout } = await run(process.execPath, [cli, 'stress', '--steps', '12', '--json', ...options]);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  return { done: lines.at(-1)!, faults: lines.find(({ event }) => event === 'faults')! };
}

describe.each(['dynamic', 'static'])('training under fire, %s weights', (weights) => {
  test('killed, crashed, stopped and refused workers change no bit of the result', async () => {
    const calm = await stress('--weights', weights);
    const hard = ['--weights', weights, '--chaos', 'kill=0.02,crash=0.02,hang=0.003,limit=0.01', '--deadline', '1000'];
    for (const more of [
      ['--chaos-seed', '1'],
      ['--chaos-seed', '2', '--workers', '2', '--retire-after', '20'],
    ]) {
      const { done, faults } = await stress(...hard, ...more);
      expect(faults.kill + faults.crash).toBeGreaterThan(0);
      expect(done.worker_deaths).toBeGreaterThan(0);
      expect([done.params_sha256, done.losses_sha256]).toEqual([calm.done.params_sha256, calm.done.losses_sha256]);
    }
  });
});

test('a short soak leaves nothing behind', async () => {
  // Within 5 %: 200 workers with 20 KB left of each would be more.
  const { stdout } = await run(process.execPath, [soak.pathname, '--retirements', '180', '--crashes', '20', '--json']);
  const last = JSON.parse(stdout.trim().split('\n').at(-1)!);
  expect(last).toMatchObject({ retired: 180, crashed: 20, leaks: [] });
  expect(last.after).toEqual({ ...last.before, processes: 0 });
});
