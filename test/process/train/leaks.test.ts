import { execFileSync } from 'node:child_process';
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, evaluate, type TrainOptions } from '@mayfly/core';
import { expect, test } from 'vitest';
import { runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
/** Over 64 MiB: read through a descriptor that stays open. */
const large = join(folder, 'large.u16');
writeFileSync(large, '');
truncateSync(large, 66 * 2 ** 20);
const foreign = join(folder, 'foreign.u16');
writeFileSync(foreign, '');
truncateSync(foreign, 66 * 2 ** 20);
writeFileSync(foreign, Uint8Array.of(255, 255), { flag: 'a' });

const open = () => readdirSync('/proc/self/fd').length;
const children = () =>
  execFileSync('ps', ['-o', 'pid=,comm=', '--ppid', String(process.pid)], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => /node|mayfly/.test(line)).length;

const failing: Record<string, TrainOptions> = {
  'an unknown device': { data: large, pool: { device: 'gpu' } },
  'a window longer than the context': { data: large, seq: 129 },
  'a token that the model does not have': { data: foreign },
  'a budget that holds less than the kernels': { data: large, pool: { workers: 1, budget: { compilations: 3 } } },
  'a folder that is a file': { data: large, out: data },
};

test.skipIf(process.platform !== 'linux').each(Object.keys(failing))(
  'a start that fails for %s leaves no descriptor and no process',
  async (name) => {
    const options = { ...smallRun, ...failing[name]! };
    await expect(createTrainer(options)).rejects.toThrow();
    // What is opened once a process (thread pools, the event loop's own) is open now.
    const before = [open(), children()];
    await expect(createTrainer(options)).rejects.toThrow();
    expect([open(), children()]).toEqual(before);
  },
);

test.skipIf(process.platform !== 'linux')('an evaluation closes its data, whether it ends well or not', async () => {
  const model = join(folder, 'run');
  await runTraining({ ...smallRun, data, out: model, steps: 1 });
  const options = { model, data: large, window: 16, windows: [0, 1] } as const;
  await evaluate(options);
  const before = open();
  await evaluate(options);
  await expect(evaluate({ ...options, windows: [5, 1e9] })).rejects.toThrow();
  await expect(evaluate({ ...options, data: foreign })).rejects.toThrow();
  expect(open()).toBe(before);
});
