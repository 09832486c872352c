import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCheckpoint, writeCheckpoint } from '@mayfly/core/checkpoint';
import { beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const script = fileURLToPath(new URL('../../fixtures/write-checkpoint.mjs', import.meta.url));
const root = temporaryFolder();
let directory = '';
beforeEach(async ({ task }) => {
  directory = join(root, task.id);
  for (const step of [1, 2]) await writeCheckpoint(directory, step, {}, { data: new Uint8Array(100).fill(step) });
});

async function expectOldOnesWhole(): Promise<void> {
  const data = new Uint8Array(100);
  expect(await readCheckpoint(directory, { data })).toMatchObject({ header: { step: 2 }, warnings: [] });
  expect(data.every((value) => value === 2)).toBe(true);
  await readCheckpoint(join(directory, 'step-00000001.mayfly'), { data });
  expect(data.every((value) => value === 1)).toBe(true);
}

// 20 MiB are five chunks: the header is the first look, then one per chunk and one for each padding.
test.each([1, 2, 4, 7])(
  'a writer killed at its look %i leaves the older checkpoints, and its half is swept',
  async (killAt) => {
    const { signal } = spawnSync(process.execPath, [script, directory, '3', '20', String(killAt)]);
    expect(signal).toBe('SIGKILL');
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp')).length).toBe(1);
    await expectOldOnesWhole();
    await writeCheckpoint(directory, 4, {}, {});
    expect(readdirSync(directory).sort()).toEqual([1, 2, 4].map((step) => `step-0000000${step}.mayfly`));
  },
);

test('a write that fails half way leaves the older checkpoints and no half file', async () => {
  // A limit on file sizes (in blocks of 512 or 1,024 bytes) stands for a full disk: the same path, another errno.
  const command = `ulimit -f 8192 && exec "${process.execPath}" "${script}" "${directory}" 3 20`;
  const { stdout, status } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  expect(status).toBe(0);
  expect(stdout).toBe(
    `ERR_FILE Cannot write a checkpoint to ${join(directory, 'step-00000003.mayfly')}: file too large\n`,
  );
  expect(readdirSync(directory).sort()).toEqual(['step-00000001.mayfly', 'step-00000002.mayfly']);
  await expectOldOnesWhole();
});

test('a writer that nothing happens to is read back', async () => {
  const { signal, stdout } = spawnSync(process.execPath, [script, directory, '3', '20'], { encoding: 'utf8' });
  expect([signal, stdout]).toEqual([null, '']);
  const data = new Uint8Array(20 * 2 ** 20);
  expect((await readCheckpoint(directory, { data })).header.step).toBe(3);
  expect(data.every((value) => value === 3)).toBe(true);
});
