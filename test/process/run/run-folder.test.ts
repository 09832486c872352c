import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createTrainer, type TrainOptions } from '@mayfly/core';
import { readCheckpoint, readCheckpointHeader, writeCheckpoint } from '@mayfly/core/checkpoint';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { eventsOf, type JsonEvent, lastEvent, launcher, mayfly } from '../../fixtures/command.js';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const small = { ...smallRun, data, accumulate: 1, steps: 4, hostThreads: 0 } as const;
const flags = ['--data', data, '--batch', '2', '--seq', '16', '--steps', '4', '--standby', '0', '--host-threads', '0'];
let out = '';
beforeEach(({ task }) => {
  out = join(folder, task.id);
});

const at = (step: number) => join(out, `step-0000000${step}.mayfly`);
const names = () => readdirSync(out).sort();
const checkpoints = () => names().filter((name) => name.endsWith('.mayfly'));
const runFile = () => parse(readFileSync(join(out, 'run.yaml'), 'utf8'));
const log = (): JsonEvent[] =>
  readFileSync(join(out, 'log.jsonl'), 'utf8')
    .split('\n')
    .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line)] : []));
const stepsOf = (events: readonly JsonEvent[]) => events.flatMap(({ event, step }) => (event === 'step' ? [step] : []));
const run = (options: Partial<TrainOptions> = {}, until?: number) => runTraining({ ...small, out, ...options }, until);

/** Warnings of this process until the test ends. */
function warnings(): string[] {
  const heard: string[] = [];
  const listener = ({ message }: Error) => void heard.push(message);
  process.on('warning', listener);
  onTestFinished(() => void process.off('warning', listener));
  return heard;
}

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
    expect(other.stderr).toContain(`got one of process ${process.pid}\n`);
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
    const other = readFileSync(at(9));
    const rest = await runTraining({ resume: out, checkpointEvery: 1, keep: 1 });
    expect(rest.records.map(({ step }) => step)).toEqual([3, 4]);
    // No step has proven that of step 4.
    expect(checkpoints()).toEqual([3, 4, 9].map((step) => `step-0000000${step}.mayfly`));
    const [aside] = names().filter((name) => name.startsWith('set-aside-'));
    for (const path of [at(9), join(out, aside!, 'step-00000003.mayfly')]) expect(readFileSync(path)).toEqual(other);
    expect((await readCheckpointHeader(out)).header.step).toBe(4);
    await expect(runTraining({ resume: at(9), steps: 10 })).rejects.toMatchObject({ code: 'ERR_RUN_EXISTS' });
  });

  test('sets later checkpoints aside when it goes back to an earlier one', async () => {
    await run({ checkpointEvery: 1 });
    const third = readFileSync(at(3));
    const heard = warnings();
    const rest = await runTraining({ resume: at(2), steps: 3, clip: 0.01 });
    expect(rest.records.map(({ step }) => step)).toEqual([3]);
    const [aside] = names().filter((name) => name.startsWith('set-aside-'));
    expect(readdirSync(join(out, aside!)).sort()).toEqual(['step-00000003.mayfly', 'step-00000004.mayfly']);
    expect(readFileSync(join(out, aside!, 'step-00000003.mayfly'))).toEqual(third);
    expect(readFileSync(at(3))).not.toEqual(third);
    await expect.poll(() => heard).toContainEqual(expect.stringContaining(`${at(3)} is in the way of this run`));
    expect((await readCheckpointHeader(out)).header.step).toBe(3);
  });

  test('with fewer steps than it has done is an error, with as many it is finished', async () => {
    await run();
    const before = readFileSync(at(4));
    await expect(runTraining({ resume: out, steps: 3 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('Expected steps to be at least the 4 that the run has done, got 3'),
    });
    const { summary, records } = await runTraining({ resume: out });
    expect(records).toEqual([]);
    expect(summary).toMatchObject({ reason: 'finished', lastStep: 4, stepsRun: 0, checkpoint: at(4) });
    expect(readFileSync(at(4))).toEqual(before);
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
    out = old;
    expect(checkpoints()).toEqual([1, 2, 3, 4].map((step) => `step-0000000${step}.mayfly`));
    expect(runFile().run).toBe((await readCheckpointHeader(at(4))).header.run);
    await expect(run()).rejects.toMatchObject({ code: 'ERR_RUN_EXISTS' });
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

describe('--auto-resume', () => {
  const command = () => ['train', ...flags, '--out', out, '--checkpoint-every', '1', '--auto-resume', '--json'];

  test('begins a run, goes on with it after a kill, and then says that it is finished', async () => {
    const killed = await mayfly(command(), {
      onLine: (line, child) => {
        if (line.startsWith('{"event":"checkpoint","step":2,')) child.kill('SIGKILL');
      },
    });
    expect(killed.signal).toBe('SIGKILL');
    const done = Number(checkpoints().at(-1)!.slice(5, 13));
    expect(done).toBeGreaterThanOrEqual(2);
    const rest = await mayfly(command());
    expect(rest).toMatchObject({ code: 0, stderr: '' });
    expect(stepsOf(eventsOf(rest))).toEqual([1, 2, 3, 4].filter((step) => step > done));
    const files = names().map((name) => readFileSync(join(out, name)));
    const again = await mayfly(command());
    expect(again).toMatchObject({ code: 0, stderr: '' });
    // It starts nothing and writes nothing: cron may do so every ten minutes.
    expect(eventsOf(again)).toEqual([expect.objectContaining({ event: 'finished', step: 4 })]);
    expect(names().map((name) => readFileSync(join(out, name)))).toEqual(files);
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

test('a disk that is full at the start is an error, and no file remains', () => {
  // A limit on file sizes stands for a full disk: the same path, another errno.
  const words = [process.execPath, launcher, 'train', ...flags, '--out', join(out, 'a/b')];
  const { status, stderr } = spawnSync('sh', ['-c', 'ulimit -f 0 && exec "$@"', 'sh', ...words], { encoding: 'utf8' });
  expect(stderr).toBe(`mayfly: Cannot write to the folder ${join(out, 'a/b')}: file too large\n`);
  expect(status).toBe(2);
  expect(existsSync(out)).toBe(false);
});

describe('the command to resume', () => {
  /** As a user would paste it, elsewhere. */
  const paste = (command: string, env: NodeJS.ProcessEnv) =>
    spawnSync('sh', ['-c', `${command} --steps 3 --json`], {
      cwd: folder,
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });
  const plainPath = '/usr/bin:/bin';

  test.each([
    ['is on the path', 'bin', (bin: string) => ({ PATH: `${bin}:${process.env.PATH}` }), 'mayfly', undefined],
    ['is not', 'bin', () => ({ PATH: plainPath }), 'mayfly.js', undefined],
    [
      'is on the path of npx only',
      'node_modules/.bin',
      (bin: string) => ({ PATH: `${bin}:${plainPath}`, npm_execpath: '/usr/lib/npm-cli.js' }),
      'mayfly.js',
      { PATH: plainPath },
    ],
  ])(
    'runs as printed from another folder when mayfly %s, with all that checkpoints do not keep',
    async (_, place, environment, name, pastedInto) => {
      const bin = join(out, place);
      mkdirSync(bin, { recursive: true });
      symlinkSync(launcher, join(bin, 'mayfly'));
      const env = environment(bin);
      const budget = ['--workers', '2', '--retire-evaluations', '500'];
      const args = ['train', ...flags, '--steps', '2', '--out', "it's a run", ...budget, '--json'];
      const first = await mayfly(args, { cwd: out, env });
      const command = lastEvent(first, 'done').resume_command as string;
      expect(command).toContain(
        `${name} train --resume '${join(out, "it'\\''s a run")}' --host-threads 0 --workers 2 `,
      );
      expect(command).toMatch(/ --workers 2 --standby 0 --retire-evaluations 500$/);
      const rest = paste(command, pastedInto ?? env);
      expect(rest).toMatchObject({ status: 0, stderr: '' });
      expect(JSON.parse(rest.stdout.trim().split('\n').at(-1)!)).toMatchObject({
        event: 'done',
        last_step: 3,
        steps_run: 1,
      });
    },
  );

  test('runs as printed in a POSIX shell where the folder has characters that steer terminals', async () => {
    const name = "two\nlines, \u001B[31m a \\ and 100% of it's";
    const first = await mayfly(['train', ...flags, '--steps', '2', '--out', join(out, name), '--json']);
    const command = lastEvent(first, 'done').resume_command as string;
    expect(command).not.toMatch(/\p{C}/u);
    expect(paste(command, {})).toMatchObject({ status: 0, stderr: '' });
  });
});
