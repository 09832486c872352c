import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { eventsOf, lastEvent, mayfly, signalledAt } from '../../fixtures/command.js';
import { checkpoints, data, folder, out, run, runFile } from '../../fixtures/run-folder.js';
import { smallConfig } from '../../fixtures/small-model.js';
import { fingerprint } from '../../fixtures/small-run.js';

/** A file of options in the folder of the tests. */
function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const common = `data: ${data}\nbatch: 2\nseq: 16\nsteps: 4\nhostThreads: 0\npool: { standby: 0 }\n`;

describe('train --config', () => {
  test('repeats a run from its run.yaml, bit for bit', async () => {
    const first = await run({
      model: { ...smallConfig, vocab: 200, name: 'own' },
      ...{ optimizer: 'muon', schedule: 'wsd', seed: 7, order: 'sequential', validation: 0.2, evaluateEvery: 2 },
      ...{ groups: [{ parameters: 'layers.0.*', lr: 0.5 }], freeze: ['embedding'], weights: 'static' },
    });
    const again = join(out, 'again');
    const ended = await mayfly(['train', '--config', join(out, 'run.yaml'), '--out', again, '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(lastEvent(ended, 'start')).toMatchObject({ model: 'own', weights: 'static', out: again });
    const { parameters, losses } = fingerprint(first);
    expect(lastEvent(ended, 'done')).toMatchObject({ params_sha256: parameters, losses_sha256: losses });
    expect(parse(readFileSync(join(again, 'run.yaml'), 'utf8')).options).toMatchObject({ sampleEvery: 2, seed: 7 });
  });

  test('repeats a run that was stopped and continued, from any working directory', async () => {
    const whole = await run({ seed: 3, out: undefined });
    await run({ seed: 3 }, 2);
    await mayfly(['train', '--resume', out, '--json']);
    expect(runFile()).toMatchObject({ resumed: expect.arrayContaining(['seed']) });
    const again = ['train', '--config', 'run.yaml', '--out', 'again', '--json'];
    const ended = await mayfly(again, { cwd: out });
    expect(lastEvent(ended, 'done')).toMatchObject({ params_sha256: whole.summary.paramsSha256, steps_run: 4 });
  });

  test('has options of its own, which those of the command line override', async () => {
    const file = written('own.yaml', `${common}lr: 1e-2\nbetas: 0.8,0.9\nfreeze: 0-1\n`);
    const ended = await mayfly([
      'train',
      '--config',
      file,
      '--lr',
      '2e-2',
      '--steps',
      '2',
      '--workers',
      '1',
      '--out',
      out,
      '--json',
    ]);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(lastEvent(ended, 'start')).toMatchObject({
      steps: 2,
      options: { lr: 0.02, min_lr: 0.002, betas: [0.8, 0.9], freeze: [0, 1], pool: { standby: 0, workers: 1 } },
    });
  });

  test.each([
    ['unknown.yaml', `${common}learnRate: 1\n`, 7, 'Expected a known option of this file, got `learnRate`'],
    ['wrong.yaml', '# rates\nlr: fast\n', 2, 'Expected lr to be a number above 0, got `fast`'],
    ['nested.yaml', 'pool:\n  standby: 0\n  workers: 0\n', 3, 'Expected pool.workers to be a whole number from 1'],
    ['broken.yaml', 'lr: [1\nsteps: 3\n', 2, 'Expected YAML, got '],
    ['list.yaml', '- lr\n', 1, 'Expected a mapping of options, got something else'],
  ])('names file, line and key of an error: %s', async (name, text, line, message) => {
    const file = written(name, text);
    const ended = await mayfly(['train', '--config', file, '--data', data, '--out', join(out, 'no')]);
    expect(ended).toMatchObject({
      code: 2,
      lines: [],
      stderr: expect.stringContaining(`mayfly: ${file}:${line}: ${message}`),
    });
  });
});

describe('sweep', () => {
  const swept = `${common}validation: 0.1\nsweep:\n  lr: [1e-3, 1e-2]\n  seed: { from: 0, to: 1 }\n`;

  test('trains every combination in a folder of its own, and goes on where it was interrupted', async () => {
    const file = written('sweep.yaml', swept);
    const first = await mayfly(['sweep', file, '--out', out, '--json'], {
      env: signalledAt('"event":"run"', 'SIGINT'),
    });
    expect(first.code).toBe(130);
    expect(eventsOf(first).filter(({ event }) => event === 'run').length).toBeLessThan(4);
    const ended = await mayfly(['sweep', file, '--out', out, '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const runs = eventsOf(ended).filter(({ event }) => event === 'run');
    expect(runs.map(({ values }) => values)).toEqual([
      { lr: 0.001, seed: 0 },
      { lr: 0.001, seed: 1 },
      { lr: 0.01, seed: 0 },
      { lr: 0.01, seed: 1 },
    ]);
    const alone = await run({ seed: 1, lr: 1e-2, warmup: 0, validation: 0.1, out: undefined });
    expect(runs[3]).toMatchObject({
      loss: alone.summary.loss,
      reason: 'finished',
      folder: join(out, 'lr=0.01,seed=1'),
    });
    const ranked = (lastEvent(ended, 'sweep').runs as { validation: number }[]).map(({ validation }) => validation);
    expect(ranked).toEqual(ranked.toSorted((one, other) => one - other));
    expect(ranked).toHaveLength(4);
    expect(checkpoints()).toEqual([]);
  });

  test('takes mappings as values, and keeps runs apart whose values differ in signs only', async () => {
    const sample = 'sample: ["a b", "a&b"]';
    const file = written('lora.yaml', `${common}sweep:\n  lora: [{ rank: 1 }, { rank: 2, alpha: 2 }]\n  ${sample}\n`);
    const ended = await mayfly(['sweep', file, '--out', out, '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(eventsOf(ended).flatMap(({ event, folder }) => (event === 'run' ? [folder] : []))).toEqual([
      ...['lora=rank_1,sample=a_b', 'lora=rank_1,sample=a_b-2'].map((name) => join(out, name)),
      ...['lora=rank_2_alpha_2,sample=a_b', 'lora=rank_2_alpha_2,sample=a_b-2'].map((name) => join(out, name)),
    ]);
  });

  test('shows the table of what it has done where the disk ends it, and one error', async () => {
    const file = written('full.yaml', `${common}sweep:\n  lr: [1e-3, 1e-2]\n`);
    // Something in the way stands for a full disk: the second run can make no folder.
    mkdirSync(out);
    writeFileSync(join(out, 'lr=0.01'), '');
    const ended = await mayfly(['sweep', file, '--out', out]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^mayfly: [^\n]*lr=0\.01[^\n]*\n$/);
    expect(ended.lines[0]).toMatch(/^run 1\/2 {2}lr=0\.001: loss/);
    expect(ended.lines.slice(2).join('\n')).toMatch(/^lr +steps +last loss.*\n[^\n]*\n0\.001 +4 /);
  });

  test('shows one table, and a run that fails as one of its rows', async () => {
    const file = written(
      'failing.yaml',
      `${common}clip: 0\nmaxSkips: 1\nsweep:\n  lr: { from: 1e-3, to: 1e8, count: 2, scale: log }\n`,
    );
    const ended = await mayfly(['sweep', file, '--out', out]);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(ended.lines.slice(0, 2)).toEqual([
      expect.stringMatching(/^run 1\/2 {2}lr=0\.001: loss \d\.\d{4} after 4 steps \(finished\)$/),
      expect.stringMatching(/^run 2\/2 {2}lr=100000000: failed: training diverged/),
    ]);
    expect(ended.lines[3]).toMatch(/^lr +steps +last loss/);
    expect(ended.lines[5]).toMatch(/^0\.001 +4 +\d\.\d{4}/);
    expect(ended.lines[6]).toMatch(/^100000000 +failed/);
  });

  test.each([
    [`${common}lr: 1\n`, 1, 'Expected options with several values under `sweep`, got none'],
    [`${common}sweep:\n  lr: 1\n`, 8, 'Expected lr to be a list, or a range'],
    [`${common}sweep:\n  lr: [1, 0]\n`, 8, 'Expected lr to be a number above 0, got 0'],
    [`${common}sweep:\n  lr: [1, 1]\n`, 8, 'Expected values of lr that differ, got 1, 1'],
  ])('names file, line and key of an error: %j', async (text, line, message) => {
    const file = written('wrong-sweep.yaml', text);
    const ended = await mayfly(['sweep', file, '--out', out]);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(`mayfly: ${file}:${line}: ${message}`) });
  });
});
