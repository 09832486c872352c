import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createPool } from '@mayfly/core';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const cli = new URL('../../../packages/core/bin/mayfly.js', import.meta.url).pathname;
const folder = temporaryFolder();

const chip = (name: string, rest: object) => {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify({ extends: 'm4', name, title: 'A Mac of these tests', ...rest }));
  return `sim:${file},no-rules`;
};

interface Line {
  readonly event: string;
  readonly params_sha256: string;
  readonly losses_sha256: string;
  readonly worker_deaths: number;
  readonly retirements: number;
}

async function train(device: string, ...options: readonly string[]) {
  const stress = [cli, 'stress', '--steps', '8', '--weights', 'static', '--json', '--device', device, ...options];
  const { stdout } = await promisify(execFile)(process.execPath, stress);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Line;
}

test.each(['m1', 'm2', 'm3-ultra', 'm5'])('training on %s, with its rules, gives the bits of cpu', async (name) => {
  const { params_sha256: expected } = await train('cpu');
  expect(await train(`sim:${name}`)).toMatchObject({ params_sha256: expected, worker_deaths: 0 });
});

test('training on a chip that compiles 20 programs, hangs, crashes and tears down slowly gives the bits of cpu', async () => {
  const calm = await train('cpu');
  const device = chip('weak', {
    limits: { compilations: { value: 20, source: 'test', grade: 'C' } },
    faults: {
      evaluate: [
        { fault: 'hang', at: 45 },
        { fault: 'crash', at: 37 },
        { fault: 'error', at: 23 },
      ],
      teardownMs: 1,
    },
  });
  const hard = await train(device, '--retire-after', '100', '--deadline', '1000');
  expect(hard.worker_deaths + hard.retirements).toBeGreaterThan(0);
  expect([hard.params_sha256, hard.losses_sha256]).toEqual([calm.params_sha256, calm.losses_sha256]);
});

test('a pool says which chip it simulates', async () => {
  const pool = await createPool({ device: 'sim:m4-max' });
  expect(pool.device).toBe('sim:m4-max');
  expect(pool.deviceReason).toBe('a simulated Apple M4 Max');
  await pool.close();
  await expect(createPool({ device: 'sim:m99' })).rejects.toMatchObject({ code: 'ERR_CHIP_UNKNOWN' });
});
