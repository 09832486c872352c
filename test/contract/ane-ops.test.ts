import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { aneEnvironment, onEachRuntime } from '../fixtures/ane-emulator.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

const testRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const folder = temporaryFolder();

// The table of operations once more on device ane, in a process whose compiler has no limit.
onEachRuntime((_, runtime) => {
  test('operations on device ane', { timeout: 120_000 }, () => {
    const tests = spawnSync(
      process.execPath,
      [vitest, 'run', '--reporter=json', '--testNamePattern=^ane ', 'contract/ops.test.ts'],
      {
        cwd: testRoot,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        env: aneEnvironment(runtime, folder, { NO_COLOR: '1', MAYFLY_EMULATOR_COMPILE_LIMIT: '0' }),
      },
    );
    expect(tests.status, tests.stdout + tests.stderr).toBe(0);
    const { numPassedTests } = JSON.parse(tests.stdout.slice(tests.stdout.indexOf('{')));
    expect(numPassedTests).toBeGreaterThan(100);
  });
});
