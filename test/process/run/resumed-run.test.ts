import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer } from '@mayfly/core';
import { readCheckpoint, readCheckpointHeader, writeCheckpoint } from '@mayfly/core/checkpoint';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { eventsOf, mayfly, signalledAt } from '../../fixtures/command.js';
import {
  at,
  checkpoints,
  flags,
  log,
  lookAt,
  names,
  out,
  run,
  runFile,
  small,
  stepsOf,
  warnings,
} from '../../fixtures/run-folder.js';
import { fingerprint, runTraining } from '../../fixtures/small-run.js';

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('a resumed run', () => {
  test('keeps its name, and adds to its log', async () => {
    const whole = await runTraining(small);
    await run({}, 2);
    const { run: name, created } = runFile();
    appendFileSync(join(out, 'log.jsonl'), '{"event":"st');
    const rest = await runTraining({ resume: out });
    expect(fingerprint(rest)).toEqual(fingerprint(whole));
    expect(runFile()).toMatchObject({ run: name, created });
    expect(stepsOf(log())).toEqual([1, 2, 3, 4]);
    expect(log().filter(({ event }) => event === 'start')).toMatchObject([{ first_step: 1 }, { first_step: 3 }]);
  });

  test('goes on from its own latest checkpoint, whatever else lies there', async () => {
    await run({}, 2);
    await runTraining({ ...small, steps: 9, out: join(out, 'other') });
    copyFileSync(join(out, 'other', 'step-00000009.mayfly'), at(9));
    copyFileSync(at(9), at(3));
    const other = sha256(at(9));
    const rest = await runTraining({ resume: out, checkpointEvery: 1, keep: 1 });
    expect(rest.records.map(({ step }) => step)).toEqual([3, 4]);
    // No step has proven that of step 4.
    expect(checkpoints()).toEqual([3, 4, 9].map((step) => `step-0000000${step}.mayfly`));
    const [aside] = names().filter((name) => name.startsWith('set-aside-'));
    for (const path of [at(9), join(out, aside!, 'step-00000003.mayfly')]) expect(sha256(path)).toBe(other);
    expect((await readCheckpointHeader(out)).header.step).toBe(4);
    await expect(runTraining({ resume: at(9), steps: 10 })).rejects.toMatchObject({ code: 'ERR_RUN_EXISTS' });
  });

  test('sets later checkpoints aside when it goes back to an earlier one', async () => {
    await run({ checkpointEvery: 1 });
    const third = sha256(at(3));
    const heard = warnings();
    const rest = await runTraining({ resume: at(2), steps: 3, clip: 0.01 });
    expect(rest.records.map(({ step }) => step)).toEqual([3]);
    const [aside] = names().filter((name) => name.startsWith('set-aside-'));
    expect(readdirSync(join(out, aside!)).sort()).toEqual(['step-00000003.mayfly', 'step-00000004.mayfly']);
    expect(sha256(join(out, aside!, 'step-00000003.mayfly'))).toBe(third);
    expect(sha256(at(3))).not.toBe(third);
    await expect
      .poll(() => heard)
      .toContainEqual(
        expect.stringContaining(`${at(3)} is of a later step than 2, from which this run goes on, and was moved to`),
      );
    expect((await readCheckpointHeader(out)).header.step).toBe(3);
  });

  test('with fewer steps than it has done is an error, with as many it is finished', async () => {
    await run();
    const before = sha256(at(4));
    await expect(runTraining({ resume: out, steps: 3 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('Expected steps to be at least the 4 that the run has done, got 3'),
    });
    const { summary, records } = await runTraining({ resume: out });
    expect(records).toEqual([]);
    expect(summary).toMatchObject({ reason: 'finished', lastStep: 4, stepsRun: 0, checkpoint: at(4) });
    expect(sha256(at(4))).toBe(before);
  });

  test('into another folder is a run of its own there', async () => {
    await run({}, 2);
    const before = names();
    const other = join(out, 'other');
    await runTraining({ resume: out, out: other });
    expect(names()).toEqual([...before, 'other'].sort());
    expect(parse(readFileSync(join(other, 'run.yaml'), 'utf8')).run).not.toBe(runFile().run);
    await expect(runTraining({ resume: out, out: other })).rejects.toMatchObject({ code: 'ERR_RUN_EXISTS' });
  });

  test('of a version without run folders is adopted', async () => {
    await run({ checkpointEvery: 1, keep: 4 });
    const old = join(out, 'old');
    for (const step of [1, 2]) {
      const { header, sections } = await readCheckpointHeader(at(step));
      const memory = Object.fromEntries(Object.entries(sections).map(([name, bytes]) => [name, new Uint8Array(bytes)]));
      await readCheckpoint(at(step), memory);
      const { run: _, ...fields } = header;
      await writeCheckpoint(old, step, fields, memory);
    }
    const whole = await runTraining(small);
    expect(fingerprint(await runTraining({ resume: old, out: old, keep: 1 }))).toEqual(fingerprint(whole));
    lookAt(old);
    expect(checkpoints()).toEqual([1, 2, 3, 4].map((step) => `step-0000000${step}.mayfly`));
    expect(runFile().run).toBe((await readCheckpointHeader(at(4))).header.run);
    await expect(run()).rejects.toMatchObject({ code: 'ERR_RUN_EXISTS' });
  });
});

describe('--auto-resume', () => {
  const command = () => ['train', ...flags, '--out', out, '--checkpoint-every', '1', '--auto-resume', '--json'];

  test('begins a run, goes on with it after a kill, and then says that it is finished', async () => {
    const killed = await mayfly(command(), { env: signalledAt('{"event":"checkpoint","step":2,', 'SIGKILL') });
    expect(killed.signal).toBe('SIGKILL');
    expect(checkpoints().at(-1)).toBe('step-00000002.mayfly');
    const rest = await mayfly(command());
    expect(rest).toMatchObject({ code: 0, stderr: '' });
    expect(stepsOf(eventsOf(rest))).toEqual([3, 4]);
    const files = names().map((name) => sha256(join(out, name)));
    const again = await mayfly(command());
    expect(again).toMatchObject({ code: 0, stderr: '' });
    // It starts nothing and writes nothing: cron may do so every ten minutes.
    expect(eventsOf(again)).toEqual([expect.objectContaining({ event: 'finished', step: 4 })]);
    expect(names().map((name) => sha256(join(out, name)))).toEqual(files);
    expect(new Set(log().flatMap(({ event, run: name }) => (event === 'start' ? [name] : []))).size).toBe(1);
  });

  test('begins again where nothing was saved, as --resume does', async () => {
    const whole = await runTraining({ ...small, lr: 2e-3 });
    for (const again of [() => run({ lr: 2e-3, autoResume: true }), () => runTraining({ resume: out })]) {
      await run({ lr: 2e-3 }, 1);
      rmSync(at(1));
      const { run: name } = runFile();
      expect(fingerprint(await again())).toEqual(fingerprint(whole));
      expect(runFile().run).toBe(name);
      rmSync(out, { recursive: true });
    }
  });

  test('is an error while another process has the folder, or without one', async () => {
    await using _ = await createTrainer({ ...small, out });
    const other = await mayfly(command());
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`process ${process.pid}`),
    });
    await expect(createTrainer({ ...small, autoResume: true })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(createTrainer({ ...small, out, autoResume: true, overwrite: true })).rejects.toMatchObject({
      code: 'ERR_RUN_LOCKED',
    });
  });
});
