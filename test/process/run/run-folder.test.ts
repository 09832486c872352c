import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createTrainer } from '@mayfly/core';
import { readCheckpointHeader, writeCheckpoint } from '@mayfly/core/checkpoint';
import { describe, expect, test } from 'vitest';
import { eventsOf, launcher, mayfly } from '../../fixtures/command.js';
import {
  at,
  checkpoints,
  data,
  flags,
  folder,
  log,
  names,
  out,
  run,
  runFile,
  small,
  stepsOf,
  warnings,
} from '../../fixtures/run-folder.js';
import { runTraining } from '../../fixtures/small-run.js';

describe('a run', () => {
  test('leaves its log, its description and its checkpoints, and no lock', async () => {
    await run({ lr: 2e-3 });
    expect(names()).toEqual(['log.jsonl', 'run.yaml', 'step-00000004.mayfly']);
    const { header } = await readCheckpointHeader(out);
    expect(runFile()).toMatchObject({
      ...{ format: 1, run: header.run, options: { lr: 2e-3, minLr: 2e-4, keep: 3, checkpointMinutes: 10, out } },
      ...{ given: expect.arrayContaining(['lr', 'out', 'data']), derived: expect.arrayContaining(['minLr']) },
      ...{ versions: { node: process.versions.node }, machine: { host: hostname() }, inputs: header.inputs },
    });
    expect(runFile().inputs.data).toMatchObject({ source: data });
    const [start, ...rest] = log();
    expect(start).toMatchObject({
      ...{ event: 'start', run: header.run, first_step: 1, options: { lr: 2e-3, seed: 0, batch: 2 } },
      ...{ versions: { node: process.versions.node }, device: 'cpu', machine: { host: hostname() } },
    });
    expect(stepsOf(rest)).toEqual([1, 2, 3, 4]);
    expect(rest.at(-1)).toMatchObject({ event: 'done', reason: 'finished', last_step: 4 });
    for (const line of readFileSync(join(out, 'log.jsonl'), 'utf8').split('\n')) {
      if (line.includes('"step",')) expect(line.length).toBeLessThan(310);
    }
  });

  test("writes none of its workers' environment variables anywhere", async () => {
    const env = { ...process.env, MAYFLY_TEST_TOKEN: 'do-not-write-this' };
    await run({ pool: { standby: 0, env, execArgv: ['--max-old-space-size=512'] } });
    expect(runFile().options.pool).toMatchObject({ standby: 0, execArgv: ['--max-old-space-size=512'] });
    for (const name of names()) expect(readFileSync(join(out, name)).includes('do-not-write-this')).toBe(false);
  });

  test('has the records of --json in its log', async () => {
    const ended = await mayfly(['train', ...flags, '--out', out, '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const told = eventsOf(ended).slice(1);
    expect(log().slice(-told.length)).toEqual(told);
    expect(stepsOf(told)).toEqual([1, 2, 3, 4]);
  });

  test('that fails to begin leaves the run that it would have overwritten', async () => {
    await run();
    const before = names();
    await expect(run({ overwrite: true, data: join(folder, 'nothing.u16') })).rejects.toMatchObject({
      code: 'ERR_FILE_NOT_FOUND',
    });
    expect(names()).toEqual(before);
    await runTraining({ resume: out, steps: 5 });
  });
});

describe('a folder that holds a run', () => {
  test('is refused to a new run, which says how far it is', async () => {
    await run();
    await expect(run({ steps: 2 })).rejects.toMatchObject({
      code: 'ERR_RUN_EXISTS',
      message: expect.stringMatching(/done 4 steps: --resume .*--overwrite/),
    });
    rmSync(join(out, 'run.yaml'));
    await expect(run()).rejects.toMatchObject({ code: 'ERR_RUN_EXISTS' });
    expect(checkpoints()).toEqual(['step-00000004.mayfly']);
  });

  test('is cleared of that run by overwrite, and of nothing else', async () => {
    await run({ checkpointEvery: 1 });
    await writeCheckpoint(out, 9, { run: 'another' }, {});
    writeFileSync(join(out, 'notes.txt'), 'mine');
    writeFileSync(at(8), 'no checkpoint');
    const { run: first } = runFile();
    await run({ steps: 2, overwrite: true });
    expect(names()).toEqual(
      ['log.jsonl', 'notes.txt', 'run.yaml', ...[2, 8, 9].map((step) => `step-0000000${step}.mayfly`)].sort(),
    );
    expect(runFile().run).not.toBe(first);
    expect(stepsOf(log())).toEqual([1, 2]);
    const resumed = await runTraining({ resume: out, steps: 3 });
    expect(resumed.records.map(({ step }) => step)).toEqual([3]);
  });

  test('has one run at a time', async () => {
    await using trainer = await createTrainer({ ...small, out });
    await expect(createTrainer({ ...small, out })).rejects.toMatchObject({ code: 'ERR_RUN_LOCKED' });
    await expect(createTrainer({ ...small, out, overwrite: true })).rejects.toMatchObject({ code: 'ERR_RUN_LOCKED' });
    const other = await mayfly(['train', '--resume', out]);
    expect(other).toMatchObject({ code: 2, lines: [] });
    expect(other.stderr).toContain(`got one of process ${process.pid} [ERR_RUN_LOCKED]\n`);
    await trainer.train();
    expect(checkpoints()).toEqual(['step-00000004.mayfly']);
  });

  test('may be read while its run is at work', async () => {
    await using trainer = await createTrainer({ ...small, out, checkpointEvery: 1 });
    for await (const { step } of trainer.steps()) if (step === 2) break;
    await using copy = await createTrainer({ resume: out, out: join(out, 'copy'), steps: 3 });
    expect((await copy.train()).lastStep).toBe(3);
  });
});

describe('trouble with the folder', () => {
  test('it is removed amid the run, which makes it again', async () => {
    await using trainer = await createTrainer({ ...small, out });
    const heard = warnings();
    for await (const { step } of trainer.steps()) if (step === 2) rmSync(out, { recursive: true });
    expect(names()).toEqual(['log.jsonl', 'run.yaml', 'step-00000004.mayfly']);
    await expect.poll(() => heard).toEqual([expect.stringContaining('log.jsonl cannot be written')]);
    await trainer.close();
    expect(log().at(-1)).toMatchObject({ event: 'done' });
    await runTraining({ resume: out, steps: 5 });
  });

  test('a failure to write a checkpoint keeps the older ones, and the run continues', async () => {
    const heard = warnings();
    await using trainer = await createTrainer({ ...small, out, checkpointEvery: 1 });
    const file = join(folder, 'in-the-way');
    writeFileSync(file, '');
    const kept = join(folder, 'kept');
    for await (const { step } of trainer.steps()) {
      if (step === 1) {
        renameSync(out, kept);
        renameSync(file, out);
      }
      if (step === 2) {
        rmSync(out);
        renameSync(kept, out);
      }
    }
    expect(checkpoints()).toEqual([1, 3, 4].map((step) => `step-0000000${step}.mayfly`));
    await expect
      .poll(() => heard)
      .toContainEqual(expect.stringContaining('no checkpoint of step 2, the run goes on: '));
  });

  test('the last checkpoint cannot be written, which is an error', async () => {
    await using trainer = await createTrainer({ ...small, out, checkpointEvery: 1 });
    const heard = warnings();
    trainer.on('step', ({ step }) => {
      if (step !== 4) return;
      rmSync(out, { recursive: true });
      writeFileSync(out, '');
    });
    await expect(trainer.train()).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: expect.stringMatching(/: a file has that name$/),
    });
    expect(heard.filter((message) => message.includes('the run goes on:'))).toEqual([]);
  });

  test('there is no room for its checkpoints', async () => {
    await expect(run({ keep: 10 ** 12 })).rejects.toMatchObject({
      code: 'ERR_DISK_SPACE',
      message: expect.stringMatching(
        /^Expected \d+\.\d [MGTPE]B free for 1000000000001 checkpoints and the log in .+, got \d+\.\d [MGTPE]B/,
      ),
    });
    expect(existsSync(at(0))).toBe(false);
  });

  test.skipIf(process.platform !== 'linux')('it is in a file system that makes no folders', async () => {
    const { code, stderr } = await mayfly(['train', ...flags, '--out', '/proc/nope']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^mayfly: Cannot make the folder \/proc\/nope: .+\n$/);
  });

  test('it is a link to another, which holds the run', async () => {
    mkdirSync(join(folder, 'target'));
    symlinkSync(join(folder, 'target'), out);
    await run({}, 2);
    await runTraining({ resume: join(folder, 'target'), out });
    expect(checkpoints()).toEqual(['step-00000002.mayfly', 'step-00000004.mayfly']);
  });

  test.skipIf(process.getuid?.() === 0)('it may not be written to', async () => {
    mkdirSync(out);
    chmodSync(out, 0o500);
    await expect(run()).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: expect.stringContaining('permission denied'),
    });
  });
});

test('a disk that is full at the start is an error, and no file remains', () => {
  // A limit on file sizes stands for a full disk: the same path, another errno.
  const words = [process.execPath, launcher, 'train', ...flags, '--out', join(out, 'a/b')];
  const { status, stderr } = spawnSync('sh', ['-c', 'ulimit -f 0 && exec "$@"', 'sh', ...words], { encoding: 'utf8' });
  expect(stderr).toBe(`mayfly: Cannot write to the folder ${join(out, 'a/b')}: file too large [ERR_FILE]\n`);
  expect(status).toBe(2);
  expect(existsSync(out)).toBe(false);
});
