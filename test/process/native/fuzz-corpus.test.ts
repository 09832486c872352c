import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const replay = join(
  dirname(fileURLToPath(import.meta.url)),
  '../../..',
  'packages',
  'native',
  'checks',
  'fuzz',
  'replay.mjs',
);

// What fuzzing has reached so far, with the addon's own compiler; `npm run fuzz` looks further.
test.skipIf(process.platform !== 'linux')('every input of the fuzzing corpus is read without a crash', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [replay], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const inputs = [...stdout.matchAll(/^(\w+): (\d+) inputs$/gm)].map(([, target, count]) => [
    target,
    Number(count) > 10,
  ]);
  expect(inputs).toEqual([
    ['blob', true],
    ['frames', true],
    ['inbox', true],
    ['mil', true],
  ]);
});
