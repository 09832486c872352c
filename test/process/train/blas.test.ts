import { execFile } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createTrainer } from '@mayfly/core';
import { describe, expect, test } from 'vitest';
import { blasAbsent } from '../../fixtures/blas.js';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const data = smallStream(temporaryFolder());
const options = { ...smallRun, data, pool: { device: 'cpu', standby: 0, precision: 'blas' } } as const;
const inChild = async (script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], {
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout) as unknown;
};

describe.skipIf(blasAbsent !== null)('products by a BLAS', () => {
  test('give the same bits whatever the threads and workers, near those of exact', async () => {
    const one = await runTraining({ ...options, hostThreads: 0, pool: { ...options.pool, threads: 1 } });
    const three = await runTraining({ ...options, hostThreads: 2, pool: { ...options.pool, threads: 3, workers: 2 } });
    expect(fingerprint(three)).toEqual(fingerprint(one));
    const exact = await runTraining({ ...options, pool: { ...options.pool, precision: 'exact' } });
    for (const [index, { loss }] of one.records.entries()) {
      expect(Math.abs(loss - exact.records[index]!.loss)).toBeLessThan(1e-3);
    }
  });

  test('are added up over the passes of a step', async () => {
    const passes = { ...options, batch: 1, accumulate: 3, steps: 2 };
    const one = await runTraining({ ...passes, hostThreads: 0, pool: { ...options.pool, threads: 1 } });
    const two = await runTraining({ ...passes, hostThreads: 2 });
    expect(fingerprint(two)).toEqual(fingerprint(one));
    const exact = await runTraining({ ...passes, pool: { ...options.pool, precision: 'exact' } });
    for (const [index, { loss }] of one.records.entries()) {
      expect(Math.abs(loss - exact.records[index]!.loss)).toBeLessThan(1e-3);
    }
  });

  test('are chosen once for a run', async () => {
    const out = temporaryFolder();
    await runTraining({ ...options, out });
    expect(readFileSync(`${out}/run.yaml`, 'utf8')).toMatch(/precision: blas/);
    const longer = { resume: out, steps: smallRun.steps + 1 };
    const changed = { ...longer, out: temporaryFolder(), pool: { standby: 0, precision: 'exact' } } as const;
    await expect(createTrainer(changed)).rejects.toThrow(/Expected precision to be blas as in the run that is resumed/);
    await using exact = await createTrainer({ ...changed, allowChangedPrecision: true });
    expect(exact.pool.precision).toBe('exact');
    await using resumed = await createTrainer(longer);
    expect([resumed.pool.precision, resumed.pool.matmul]).toEqual(['blas', 'blas']);
  });

  test.skipIf(process.platform !== 'linux')('are the only ones that load a library', async () => {
    const script = fileURLToPath(new URL('../../fixtures/blas-child.mjs', import.meta.url));
    const loaded = readFileSync('/proc/self/maps', 'utf8').split('\n');
    const library = loaded.find((line) => /blas/i.test(line))?.replace(/^.* /, '');
    const path = realpathSync(library ?? expect.fail('no library is mapped here'));
    expect(await inChild(script, ['exact', path])).toEqual({ main: false, workers: [false] });
    expect(await inChild(script, ['blas', path])).toEqual({ main: true, workers: [true] });
  });
});

test('a library that cannot be loaded is an error, and means exact to no one who asked for blas', async () => {
  const script = `import { addon } from '${import.meta.resolve('@mayfly/native')}';
try { addon.blas(); } catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
  const env = { MAYFLY_BLAS: '/nowhere/libblas.so' };
  const error = await inChild('--input-type=module', ['-e', script], env);
  expect(error).toMatchObject({ code: 'ERR_BLAS', message: expect.stringContaining('/nowhere/libblas.so') });
});

test.skipIf(process.platform === 'darwin')('auto is exact', async () => {
  await using trainer = await createTrainer({ ...smallRun, data, pool: { standby: 0 } });
  expect([trainer.options.pool.precision, trainer.pool.precision]).toEqual(['exact', 'exact']);
});
