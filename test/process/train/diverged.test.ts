import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, evaluate, generate, TokenArray, type Tokenizer } from '@mayfly/core';
import { exportLlama2c, ParameterLayout, type ParameterName } from '@mayfly/core/model';
import { describe, expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { smallConfig, smallTokens } from '../../fixtures/small-model.js';
import { runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);

/** A character for each id. */
const idTokenizer: Tokenizer = {
  name: 'ids',
  vocab: 50,
  encode: (text) => Array.from(text, (character) => character.charCodeAt(0) % 50),
  decode: (ids) => String.fromCharCode(...ids),
  decoder: () => ({ write: (id) => String.fromCharCode(id), end: () => '' }),
};

const checkpointsOf = (out: string) => readdirSync(out).filter((name) => name.endsWith('.mayfly'));

describe('a run that diverges', () => {
  test('ends after maxSkips skipped steps, names the first of them, and keeps the earlier checkpoints', async () => {
    const out = join(folder, 'diverged');
    await runTraining({ ...smallRun, data, out, steps: 4, checkpointEvery: 2, keep: 2 });
    const before = checkpointsOf(out);
    expect(before).toEqual(['step-00000002.mayfly', 'step-00000004.mayfly']);

    await using trainer = await createTrainer({
      resume: out,
      lr: 1e4,
      minLr: 0,
      steps: 60,
      pool: { standby: 0 },
      maxSkips: 3,
    });
    const skipped: number[] = [];
    trainer.on('step', (record) => record.skipped && skipped.push(record.step));
    const error = await trainer.train().then(
      () => expect.unreachable(),
      (reason: Error) => reason,
    );
    expect(skipped).toEqual([skipped[0], skipped[0]! + 1, skipped[0]! + 2]);
    expect(error).toMatchObject({ code: 'ERR_DIVERGED' });
    expect(error.message).toContain(`from step ${skipped[0]} to ${skipped[2]} the loss was not finite`);
    expect(error.message).toMatch(/layer-\d\.(attention|feedForward) \(\w+\) exceed 65504/);
    expect(error.message).toContain(`Resume from ${join(out, before[1]!)} with a lower learning rate`);
    expect(checkpointsOf(out)).toEqual(before);
    expect(trainer.summary().reason).toBe('failed');
  });

  test('keeps the last checkpoint that a finite loss followed, and names it, also where one is to be kept', async () => {
    const out = join(folder, 'ruined');
    await runTraining({ ...smallRun, data, out, steps: 2, keep: 1 });
    const options = { resume: out, lr: 1e4, minLr: 0, steps: 60, pool: { standby: 0 }, checkpointEvery: 1, keep: 1 };
    const error = await runTraining(options).catch((reason: Error) => reason);
    const kept = checkpointsOf(out);
    const at = (error as Error).message.match(/from step (\d+) to/)![1];
    // The step before the first without a finite loss has ruined the model, and was saved before anybody could know.
    expect(kept).toEqual([Number(at) - 2, Number(at) - 1].map((step) => `step-0000000${step}.mayfly`));
    const sound = join(out, kept[0]!);
    expect(error).toMatchObject({
      code: 'ERR_DIVERGED',
      message: expect.stringContaining(`Resume from ${sound} with`),
    });
    const again = await runTraining({
      resume: sound,
      lr: 1e-3,
      steps: 6,
      pool: { standby: 0 },
      keep: 1,
      checkpointEvery: 0,
    });
    expect(again.summary).toMatchObject({ reason: 'finished', lastStep: 6 });
    // Its last step may have ruined the model, too: the one before it stays.
    expect(checkpointsOf(out)).toEqual([kept[0], 'step-00000006.mayfly']);

    const ruined = { resume: out, lr: 1e4, minLr: 0, steps: 8, pool: { standby: 0 }, checkpointEvery: 1 };
    await runTraining(ruined, 1);
    await expect(runTraining({ ...ruined, steps: 60 })).rejects.toMatchObject({
      message: expect.stringContaining('Resume from an earlier checkpoint, or start again, with a lower learning rate'),
    });
  });

  test('ends with an error, too, where its last steps were not enough to tell', async () => {
    const out = join(folder, 'late');
    await runTraining({ ...smallRun, data, out, steps: 4 });
    await expect(runTraining({ resume: out, lr: 1e4, minLr: 0, steps: 7, pool: { standby: 0 } })).rejects.toMatchObject(
      {
        code: 'ERR_DIVERGED',
      },
    );
    expect(checkpointsOf(out)).toEqual(['step-00000004.mayfly']);
  });

  test('ends at the first loss once its parameters are not finite, and writes no checkpoint of them', async () => {
    const out = join(folder, 'infinite');
    await runTraining({ ...smallRun, data, out, steps: 2 });
    const options = { resume: out, lr: 1e38, weightDecay: 10, steps: 30, pool: { standby: 0 }, checkpointEvery: 1 };
    const error = await runTraining(options).catch((reason: Error) => reason);
    expect(error).toMatchObject({ message: expect.stringMatching(/not finite/) });
    expect(checkpointsOf(out)).toEqual(['step-00000002.mayfly']);
  });

  test('keeps its parameters where only gradients overflow, and names the loss scale', async () => {
    const out = join(folder, 'scale');
    await using trainer = await createTrainer({ ...smallRun, data, out, steps: 30, lossScale: 2 ** 40, maxSkips: 4 });
    const before = trainer.parametersDigest();
    await expect(trainer.train()).rejects.toMatchObject({
      code: 'ERR_DIVERGED',
      message: expect.stringMatching(
        /from step 1 to 4 gradients overflowed at loss scale 1099511627776.+lower loss scale/,
      ),
    });
    expect(trainer.parametersDigest()).toBe(before);
    expect(checkpointsOf(out)).toEqual(['step-00000004.mayfly']);
    const resumed = await runTraining({ resume: out, lossScale: 'dynamic', steps: 8, pool: { standby: 0 } });
    expect(resumed.summary).toMatchObject({ reason: 'finished', lastStep: 8, updates: 4 });
  });

  test('a few overflows of gradients are no divergence', async () => {
    const { summary } = await runTraining({ ...smallRun, data, lossScale: 'dynamic', maxSkips: 1 });
    expect(summary.reason).toBe('finished');
  });

  test('ends the command with an exit code', async () => {
    const out = join(folder, 'command');
    const run = ['--batch', '2', '--seq', '16', '--standby', '0', '--json', '--out', out];
    const { code, lines, stderr } = await mayfly(['train', '--data', data, ...run, '--lr', '1e4', '--steps', '40']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mayfly: training diverged: from step \d+ to \d+ the loss was not finite/);
    expect(lines.filter((line) => line.includes('"event":"done"'))).toEqual([]);
  });
});

describe('a model', () => {
  const config = { ...smallConfig, dim: 32 };
  const layout = new ParameterLayout(config);
  const stream = () => new TokenArray(smallTokens(400, config.vocab), 'tokens');

  async function modelWith(name: string, change: (values: Float32Array) => void): Promise<string> {
    const model = join(folder, `${name}.bin`);
    const values = Float32Array.from({ length: layout.count }, (_, index) => Math.sin(index) / 10 + 0.05);
    change(values);
    await exportLlama2c(model, config, values);
    return model;
  }
  const entry = (name: ParameterName, layer?: number) => {
    const { offset, count } = layout.entry(name, layer);
    return [offset, offset + count] as const;
  };

  test.each(['dynamic', 'static'] as const)(
    'whose activations exceed fp16 is no silent NaN, with %s weights',
    async (weights) => {
      const model = await modelWith('gate', (values) => {
        values.fill(3000, ...entry('w1', 1));
        values.fill(3000, ...entry('w3', 1));
      });
      const refusal = {
        code: 'ERR_NOT_FINITE',
        message: expect.stringMatching(/layer-1\.feedForward \(\w+\) exceed 65504, the largest fp16 number$/),
      };
      await expect(evaluate({ model, data: stream(), window: 16, weights })).rejects.toMatchObject(refusal);
      const drawn = generate({ model, tokenizer: idTokenizer, prompt: 'x', maxTokens: 3, weights });
      await expect(drawn.next()).rejects.toMatchObject(refusal);
    },
  );

  test('whose output is not finite fails the command, which prints no number', async () => {
    const model = await modelWith('command', (values) =>
      values.fill(3000, ...entry('w1', 0)).fill(3000, ...entry('w3', 0)),
    );
    const tokens = join(folder, 'fifty.u16');
    writeFileSync(tokens, smallTokens(400, config.vocab));
    const { code, lines, stderr } = await mayfly([
      'eval',
      '--model',
      model,
      '--data',
      tokens,
      '--window',
      '16',
      '--json',
    ]);
    expect([code, lines]).toEqual([1, []]);
    expect(stderr).toMatch(/^mayfly: the model's output is not finite: activations of layer-0/);
  });

  test.each([
    ['NaN', 'wq', 1, Number.NaN, 'wq of layer 1, got NaN'],
    ['an infinity', 'embedding', -1, Number.NEGATIVE_INFINITY, 'embedding, got -Infinity'],
    ['a weight that fp16 cannot hold', 'w2', 0, 65_520, 'w2 of layer 0, got 65520, which fp16 cannot hold'],
  ] as const)('with %s in its parameters is refused by name', async (_, name, layer, value, message) => {
    const model = await modelWith(`bad-${name}`, (values) => {
      values[layout.entry(name, layer).offset + 3] = value;
    });
    const refusal = { code: 'ERR_MODEL_VALUES', message: expect.stringContaining(message) };
    await expect(evaluate({ model, data: stream(), window: 16 })).rejects.toMatchObject(refusal);
    const options = { ...smallRun, model, data: 'tokens' };
    await expect(createTrainer({ ...options, data: stream() })).rejects.toMatchObject(refusal);
  });

  test('with the largest weight that fp16 holds is loaded', async () => {
    const model = await modelWith('large', (values) => {
      values[layout.entry('w2', 0).offset] = -65_504;
      values[layout.entry('embedding').offset + 40] = 1e6;
    });
    await evaluate({ model, data: stream(), window: 16, windows: [0, 1] });
  });
});
