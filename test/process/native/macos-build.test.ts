import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const check = join(dirname(fileURLToPath(import.meta.url)), '../../..', 'tools', 'macos-without-a-mac', 'check.mjs');
const MISSING_TOOLS = 69;

const run = (part: string) => spawnSync(process.execPath, [check, part], { encoding: 'utf8' });

// The other architecture takes as long again: `npm run check:macos` checks both.
test('the addon builds for macOS on arm64, imports what it should and sends messages as their methods take them', (context) => {
  const { status, stdout, stderr } = run('arm64');
  if (status === MISSING_TOOLS) context.skip(stdout.trim());
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test.for([
  ['x86-64', 'execution'],
  ['arm64', 'execution-arm64'],
])(
  'device ane compiled for macOS on %s has the same output on the emulator as compiled for Linux',
  ([, part], { skip }) => {
    const { status, stdout, stderr } = run(part!);
    if (status === MISSING_TOOLS || /not executed/.test(stdout)) return skip(stdout.trim());
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  },
);
