import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const testRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

function run(isa: string, args: readonly string[]) {
  return spawnSync(process.execPath, args, {
    cwd: testRoot,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', MAYFLY_ISA: isa },
  });
}

function isaOf(isa: string) {
  return run(isa, [
    '--input-type=module',
    '--eval',
    "import { addon } from '@mayfly/native'; console.log(addon.isa());",
  ]);
}

// The other math tests once more on each instruction set, in a process of its own. (Not when this is such a run.)
describe.skipIf(process.env.MAYFLY_ISA !== undefined)('host math', () => {
  test.for(['portable', 'avx2', 'avx512', 'neon'])('on %s', { timeout: 120_000 }, (isa, { skip }) => {
    const probe = isaOf(isa);
    if (probe.status !== 0) return skip(`this processor has no ${isa}`);
    expect(probe.stdout.trim()).toBe(isa);
    const tests = run(isa, [vitest, 'run', '--reporter=dot', 'unit/math-']);
    expect(tests.status, tests.stdout + tests.stderr).toBe(0);
  });

  test('an unknown instruction set is refused', () => {
    const probe = isaOf('mmx');
    expect(probe.status).not.toBe(0);
    expect(probe.stderr).toMatch(/Expected MAYFLY_ISA to be one of this processor's \(.*portable.*\), got `mmx`/);
  });
});
