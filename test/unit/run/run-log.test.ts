import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunLog, readRunFile, readRunLog, runRecord, toJsonLine, writeRunFile } from '@mayfly/core/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();
let folder = '';
beforeEach(({ task }) => {
  folder = join(root, task.id);
  mkdirSync(folder);
});

const step = (number: number) => runRecord('step', { step: number });
const steps = () => readRunLog(folder).map((record) => record.step);

describe('a log', () => {
  test('has its records, with the time of day and of a clock that nobody sets', () => {
    const log = new RunLog(folder);
    for (const number of [1, 2]) log.write(step(number));
    const [first, second] = readRunLog(folder);
    expect(first).toMatchObject({ event: 'step', step: 1, time: expect.stringMatching(/^\d{4}-.*T.*\.\d{3}Z$/) });
    expect(second!.monotonic_ms as number).toBeGreaterThanOrEqual(first!.monotonic_ms as number);
  });

  test('goes on in a new line after one that was cut short', () => {
    new RunLog(folder).write(step(1));
    appendFileSync(join(folder, 'log.jsonl'), '{"event":"step","st');
    expect(steps()).toEqual([1]);
    new RunLog(folder).write(step(3));
    expect(steps()).toEqual([1, 3]);
  });

  test('that cannot be written is told once, and goes on when it can be, with the gap told', () => {
    const warnings: string[] = [];
    const log = new RunLog(folder, (message) => warnings.push(message));
    log.write(step(1));
    const kept = readFileSync(join(folder, 'log.jsonl'));
    rmSync(folder, { recursive: true });
    for (const number of [2, 3]) log.write(step(number));
    expect(warnings).toEqual([expect.stringContaining('log.jsonl cannot be written, the run goes on without: ENOENT')]);
    mkdirSync(folder);
    writeFileSync(join(folder, 'log.jsonl'), kept);
    log.write(step(4));
    expect(readRunLog(folder)).toMatchObject([{ step: 1 }, { event: 'logGap', records: 2 }, { step: 4 }]);
  });

  test.skipIf(!existsSync('/dev/full'))('on a full disk ends nothing', () => {
    symlinkSync('/dev/full', join(folder, 'log.jsonl'));
    const warnings: string[] = [];
    const log = new RunLog(folder, (message) => warnings.push(message));
    for (const number of [1, 2]) log.write(step(number));
    expect(warnings).toEqual([expect.stringContaining('ENOSPC')]);
  });

  test('has no more than 300 bytes a step', () => {
    const record = {
      step: 123_456,
      loss: 2 + 1 / 3,
      gradNorm: 1 / 30,
      lr: 1e-4 / 3,
      lossScale: 2 ** 24,
      skipped: false,
    };
    const speed = { ms: 123_456 + 1 / 3, tokensPerSecond: 1_234_567 + 1 / 3 };
    expect(toJsonLine(runRecord('step', { ...record, ...speed })).length).toBeLessThan(300);
  });
});

describe('a run file', () => {
  const file = { run: 'ab12', adopted: false, created: '2026-01-02T03:04:05.678Z' };

  test('comes back', async () => {
    expect(await readRunFile(folder)).toBe(null);
    const facts = { options: { lr: 1e-3, data: 'a: b # c', betas: [0.9, 0.95] }, given: ['lr', 'data'] };
    await writeRunFile(folder, { ...file, ...facts });
    expect(await readRunFile(folder)).toEqual({ ...file, ...facts });
    expect(readFileSync(join(folder, 'run.yaml'), 'utf8')).toMatch(/^(?:# .*\n)+format: 1\nrun: ab12\n/);
  });

  test.each([
    ['no YAML', 'a: [', /Expected a run file, got /],
    ['another kind', '- a', /Expected a run file, got `- a`/],
    ['aliases without end', `a: &a [x]\nb: &b [${'*a,'.repeat(99)}]\nc: [${'*b,'.repeat(99)}]`, /Expected a run file/],
    ['a later format', 'format: 2\nrun: a', /Expected format 1, got 2: take the version/],
    ['no name', 'format: 1', /Expected the name of a run/],
  ])('of %s is refused', async (_, text, message) => {
    writeFileSync(join(folder, 'run.yaml'), text);
    const error = expect.objectContaining({ code: 'ERR_RUN_FILE', message: expect.stringMatching(message) });
    await expect(readRunFile(folder)).rejects.toEqual(error);
  });
});
