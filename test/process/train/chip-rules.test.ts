import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { createTrainer, evaluate, generate, MayflyError, presets, type TrainOptions } from '@mayfly/core';
import { chipNames } from '@mayfly/core/chips';
import { checkChipRules, programForm } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { chip, figure } from '../../fixtures/sim-bench.js';
import { runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const wide: TrainOptions = { ...smallRun, model: 'tiny', data, batch: 8, seq: 128, accumulate: 1, steps: 2 };
/** Surfaces whose rows are no multiple of 16 wide: every chip would read them wrong. */
const odd: TrainOptions = { ...wide, batch: 1, seq: 40 };

test('a chip that would give wrong data is refused before anything starts, with chip, rule, program and a way out', async () => {
  const error = await createTrainer({ ...odd, pool: { device: 'sim:m4' } }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(MayflyError);
  expect(error).toMatchObject({
    code: 'ERR_CHIP_RULES',
    message: expect.stringMatching(
      /m4 .*attentionForward of dynamic weights.* port-width-16 \(silent data.*another batch, seq or model.*sim:m4,no-rules/,
    ),
  });
});

test('so is an evaluation there', async () => {
  const losing = evaluate({ model: 'tiny', data, window: 40, batch: 1, device: 'sim:m4' });
  await expect(losing).rejects.toMatchObject({ code: 'ERR_CHIP_RULES' });
});

test('so is text generation there', async () => {
  // With dynamic weights, weights and tokens share the last axis.
  const device = chip({ spatialAxis: figure(128) });
  const drawing = generate({ model: 'tiny', tokenizer: 'bytes', prompt: 'a', maxTokens: 30, device }).next();
  await expect(drawing).rejects.toMatchObject({
    code: 'ERR_CHIP_RULES',
    message: expect.stringContaining('axis-length'),
  });
});

test('the other weight strategy is named where its programs break no rule', async () => {
  const shape = { ...presets.tiny, batch: 128, sequence: 128 };
  const form = await programForm('sim:m1');
  const check = (weights: 'dynamic' | 'static') => checkChipRules('sim:m1', { shape, weights, form, training: true });
  expect(() => check('dynamic')).toThrow(/axis-length \(compile.*--weights static/);
  expect(() => check('static')).not.toThrow();
});

test('the ways out give the losses of the cpu device', async () => {
  const losses = async (options: TrainOptions) =>
    (await runTraining({ ...wide, ...options })).records.map(({ loss }) => loss);
  const [dynamic, fixed] = [
    await losses({ pool: { device: 'cpu' } }),
    await losses({ pool: { device: 'cpu' }, weights: 'static' }),
  ];
  expect(await losses({ pool: { device: 'sim:m1' }, weights: 'static' })).toEqual(fixed);
  expect(await losses({ pool: { device: 'sim:m1,no-rules' } })).toEqual(dynamic);
});

test('warnings of rules are one line; device cpu has no rules', async () => {
  const chip = async (device: string) => {
    await using trainer = await createTrainer({ ...wide, pool: { standby: 0, device } });
    return trainer.chipWarning;
  };
  expect(await chip('cpu')).toBe(null);
  const warning = await chip('sim:m4');
  expect(warning).toMatch(/^m4 may not run .*: .*matmul-inner-32/);
  expect(warning).not.toContain('\n');
  // It runs as printed, from anywhere.
  const command = /\((.* lint --rules) tells what is known\)$/.exec(warning!)?.[1];
  const told = spawnSync('sh', ['-c', command!], { cwd: tmpdir(), encoding: 'utf8' });
  expect(told).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('`matmul-inner-32`') });
});

test('the command ends with 2 and one line', async () => {
  const { code, stderr, lines } = await mayfly([
    'train',
    '--model',
    'tiny',
    '--data',
    data,
    '--device',
    'sim:m1',
    '--batch',
    '1',
    '--seq',
    '40',
  ]);
  expect({ code, lines }).toEqual({ code: 2, lines: [] });
  expect(stderr).toMatch(/^mayfly: Expected programs that m1 runs right, .*\n$/);
});

test('no chip refuses programs that it runs right: few tokens, either strategy', async () => {
  const shape = { ...presets.tiny, batch: 1, sequence: 128 };
  for (const name of chipNames()) {
    const device = `sim:${name}`;
    const form = await programForm(device);
    for (const weights of ['dynamic', 'static'] as const) {
      expect(() => checkChipRules(device, { shape, weights, form, training: true }), device).not.toThrow();
    }
  }
});
