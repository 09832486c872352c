import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fullProduct } from '../../fixtures/full-product.js';

const check = join(dirname(fileURLToPath(import.meta.url)), '../../..', 'tools', 'macos-without-a-mac', 'check.mjs');
const MISSING_TOOLS = 69;

// arm64 takes minutes more: `npm run check:macos` checks both.
test.for([
  ['device ane compiled for macOS on x86-64 has the same output on the emulator as compiled for Linux', 'execution'],
  ...(fullProduct
    ? [
        [
          'the addon builds for macOS on arm64, imports what it should and sends messages as they are declared',
          'arm64',
        ],
        ['device ane compiled for macOS on arm64 has the output of the one for Linux', 'execution-arm64'],
      ]
    : []),
])('%s', ([, part], { skip }) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [check, part!], { encoding: 'utf8' });
  if (status === MISSING_TOOLS || /not executed/.test(stdout)) return skip(stdout.trim());
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
