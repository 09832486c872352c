import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';

const testRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const lower: Readonly<Record<string, readonly string[]>> = { avx512: ['avx2', 'portable'], avx2: ['portable'] };

// The table of operations once more on the lower instruction sets of this processor, each in a process of its own.
test.skipIf(process.env.MAYFLY_ISA !== undefined).each(lower[addon.isa()] ?? ['portable'])(
  'operations on %s',
  { timeout: 120_000 },
  (isa) => {
    const tests = spawnSync(process.execPath, [vitest, 'run', '--reporter=dot', 'contract/ops.test.ts'], {
      cwd: testRoot,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1', MAYFLY_ISA: isa },
    });
    expect(tests.status, tests.stdout + tests.stderr).toBe(0);
  },
);
