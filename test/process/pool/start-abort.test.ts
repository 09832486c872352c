import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, createTrainer } from '@mayfly/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = join(folder, 'text.txt');
const small = { data, batch: 1, seq: 16, steps: 1, hostThreads: 0 };
beforeAll(() => writeFileSync(data, 'All work and no play makes a dull text.\n'.repeat(40)));

const children = () => readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim();
const reason = new Error('enough');

describe.skipIf(process.platform !== 'linux')('a start whose signal is aborted', () => {
  const starts = {
    createPool: (signal: AbortSignal) => createPool({ workers: 20, signal }),
    createTrainer: (signal: AbortSignal) => createTrainer({ ...small, pool: { workers: 20 }, signal }),
  };

  test.each(Object.entries(starts))('%s: while workers start', async (_name, start) => {
    const abort = new AbortController();
    const before = children();
    const settled = start(abort.signal).then(
      () => 'started',
      (error: unknown) => error,
    );
    await expect.poll(children, { interval: 5 }).not.toBe(before);
    abort.abort(reason);
    expect(await settled).toBe(reason);
    expect(children()).toBe(before);
  });

  test.each(Object.entries(starts))('%s: before', async (_name, start) => {
    await expect(start(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('bags of options', () => {
  const invalid = (message: string) => expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message });
  const boom = Object.defineProperty({}, 'workers', {
    get() {
      throw new Error('boom');
    },
  });

  test.each([
    [{ worker: 3 }, 'Expected a known option of createPool, got `worker` (Did you mean workers?)'],
    [{ budget: { evaluation: 10 } }, 'Expected a known option of budget, got `evaluation` (Did you mean evaluations?)'],
    [{ pacing: { concurrentStarts: 0 } }, 'Expected pacing.concurrentStarts to be a whole number from 1 up, got 0'],
    [{ pacing: { maxDeaths: Number.NaN } }, 'Expected pacing.maxDeaths to be a number from 1 up, got NaN'],
    [
      { pacing: { settleMs: 2 ** 31 } },
      'Expected pacing.settleMs to be milliseconds from 0 to 2147483647, got 2147483648',
    ],
    [
      { pacing: { compilationsPerSecond: 0 } },
      'Expected pacing.compilationsPerSecond to be a number from 0.00001 up, got 0',
    ],
    [{ timeouts: null }, 'Expected the options of timeouts to be a plain object, got null'],
    [{ chaos: { faults: { kil: 1 } } }, 'Expected a known option of chaos.faults, got `kil` (Did you mean kill?)'],
    [{ threads: 1e5 }, expect.stringMatching(/^Expected threads to be a whole number from 1 to \d+ \(16 for each of /)],
    [
      { workers: 1e6 },
      expect.stringMatching(/^Expected workers to be a whole number from 1 to \d+ \(.+\), got 1000000$/),
    ],
    [null, 'Expected the options of createPool to be a plain object, got null'],
    [boom, 'Expected the options of createPool to be readable, got an exception: boom'],
  ])('createPool refuses %#', async (options, message) => {
    await expect(createPool(options as object)).rejects.toThrow(invalid(message));
  });

  test.each([
    [{ step: 3 }, 'Expected a known option of createTrainer, got `step` (Did you mean steps?)'],
    [{ leanringRate: 5 }, 'Expected a known option of createTrainer, got `leanringRate`'],
    [
      { pool: { workers: 1e6 } },
      expect.stringMatching(/^Expected pool\.workers to be a whole number from 1 to \d+ \(/),
    ],
    [null, 'Expected the options of createTrainer to be a plain object, got null'],
    [[], 'Expected the options of createTrainer to be a plain object, got []'],
  ])('createTrainer refuses %#', async (options, message) => {
    await expect(createTrainer(options as object)).rejects.toThrow(invalid(message));
  });
});
