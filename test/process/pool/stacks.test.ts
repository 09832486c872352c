import { spawn } from 'node:child_process';
import { createPool, type Kernel, type Pool } from '@mayfly/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scaleProgram } from '../../fixtures/programs.js';

let pool: Pool;
let kernel: Kernel;
beforeAll(async () => {
  pool = await createPool({ arenaBytes: 2 ** 20, maxQueue: 4, standby: 0 });
  kernel = await pool.compile({ text: scaleProgram(4, 2), name: 'twice' });
});
afterAll(() => pool.close());

/** The first line of the stack of what a function rejects with, and whether lines of Mayfly's are in it. */
async function placeOf(failing: () => Promise<unknown>): Promise<string> {
  const error = await failing().then(
    () => expect.unreachable('it succeeded'),
    (reason: Error) => reason,
  );
  expect(error.stack).toMatch(/^MayflyError: |^MilError: /);
  const lines = error.stack!.split('\n').filter((line) => line.startsWith('    at '));
  expect(lines.join('\n')).not.toContain('/core/dist/');
  return lines[0]!;
}

describe('the stack of a call that fails begins where the caller awaits it', () => {
  test('a run', async () => {
    const x = pool.arena.tensor('fp32', [1, 4]);
    // The worker refuses an output that is an input.
    async function runsBadly() {
      await kernel.run(x, x);
    }
    expect(await placeOf(runsBadly)).toMatch(/at (?:async )?runsBadly .*stacks\.test\.ts/);
  });

  test('one of several runs', async () => {
    const x = pool.arena.tensor('fp32', [1, 4]);
    async function runsSeveral() {
      await Promise.all([kernel.run(x, pool.arena.tensor('fp32', [1, 4])), kernel.run(x, x)]);
    }
    const error = await runsSeveral().catch((reason: Error) => reason);
    expect((error as Error).stack).toMatch(
      /at async Promise\.all \(index 1\)\n.*at (?:async )?runsSeveral .*stacks\.test\.ts/,
    );
  });

  test('a compilation', async () => {
    async function compilesBadly() {
      await pool.compile({ text: scaleProgram(4, 2).replace('mul(', 'mull(') });
    }
    expect(await placeOf(compilesBadly)).toMatch(/at (?:async )?compilesBadly .*stacks\.test\.ts/);
  });

  test('an update', async () => {
    async function updatesAfterwards() {
      const own = await pool.compile({ text: scaleProgram(4, 3) });
      const updated = own.update();
      await Promise.all([updated, own.dispose()]);
    }
    const error = await updatesAfterwards().catch((reason: Error) => reason);
    expect((error as Error).stack).toMatch(/at (?:async )?updatesAfterwards .*stacks\.test\.ts/);
  });

  test('a caller that does not await yet leaves the stack as it was', async () => {
    const x = pool.arena.tensor('fp32', [1, 4]);
    const failed = kernel.run(x, x);
    const error = await new Promise<Error>((resolve) => void failed.then(undefined, resolve));
    expect(error.stack).toMatch(/\n {4}at /);
  });
});

describe('NODE_DEBUG=mayfly', () => {
  const program = `
    import { createPool } from '@mayfly/core';
    const pool = await createPool({ arenaBytes: 2 ** 20, maxQueue: 2 });
    const kernel = await pool.compile({ text: process.env.TEXT, name: 'twice' });
    const tensors = () => [pool.arena.tensor('fp32', [1, 4]), pool.arena.tensor('fp32', [1, 4])];
    await Promise.allSettled(Array.from({ length: 4 }, () => kernel.run(...tensors())));
    await pool.recycle();
    await pool.close();`;

  async function stderrOf(debug: string): Promise<string> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: import.meta.dirname,
      env: { ...process.env, NODE_DEBUG: debug, TEXT: scaleProgram(4, 2) },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      stderr += part;
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    return stderr;
  }

  test('writes the life of workers, compilations, moves and refusals to stderr', async () => {
    const lines = await stderrOf('mayfly');
    for (const said of [
      /^MAYFLY \d+: workerStart \{ worker: 1, pid: \d+/m,
      /^MAYFLY \d+: compile \{ kernel: 'twice', worker: 1, reason: 'compile', ms: /m,
      /^MAYFLY \d+: kernelMove \{ kernel: 'twice', from: 1, to: 2, reason: 'retire'/m,
      /^MAYFLY \d+: workerRetire \{ worker: 1, /m,
      /^MAYFLY \d+: a call is refused: 2 are pending$/m,
    ]) {
      expect(lines).toMatch(said);
    }
  });

  test('is silent otherwise', async () => {
    expect(await stderrOf('')).toBe('');
  });
});
