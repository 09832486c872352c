import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, evaluate, TokenArray, type TrainOptions } from '@mayfly/core';
import { describe, expect, test } from 'vitest';
import { lastEvent, mayfly, signalledAt } from '../../fixtures/command.js';
import { flags, folder, log, out, run, small } from '../../fixtures/run-folder.js';
import { smallConfig, smallTokens } from '../../fixtures/small-model.js';
import { fingerprint, runTraining } from '../../fixtures/small-run.js';

const heldOut = join(folder, 'held-out.u16');
writeFileSync(heldOut, smallTokens(400, 200).subarray(100));
const looking = { validation: heldOut, evaluateEvery: 2, evaluateWindows: 5 } as const;
const evaluations = () => log().filter(({ event }) => event === 'evaluation');
/** Without times. */
const figures = () =>
  evaluations().map(({ step, cross_entropy, is_best, since_best }) => ({ step, cross_entropy, is_best, since_best }));
const resume = (options: TrainOptions = {}) => runTraining({ resume: out, pool: { standby: 0 }, ...options });
const best = () => readdirSync(join(out, 'best'));
/** Parameters that get worse with every step. */
const worsening = { ...looking, lr: 0.3, clip: 0, steps: 40, evaluateEvery: 1 } as const;

describe('validation', () => {
  test.each(['dynamic', 'static'] as const)('changes no bit of training, with %s weights', async (weights) => {
    const without = await run({ out: undefined, weights });
    const withIt = await run({
      weights,
      ...looking,
      sample: 'once',
      sampleTokens: 3,
      sampleEvery: 1,
      tokenizer: 'bytes',
    });
    expect(fingerprint(withIt)).toEqual(fingerprint(without));
    expect(evaluations().map(({ step, targets }) => [step, targets])).toEqual([0, 2, 4].map((step) => [step, 5 * 16]));
    expect(
      log()
        .filter(({ event }) => event === 'sample')
        .map(({ step }) => step),
    ).toEqual([1, 2, 3, 4]);
  });

  test('gives the loss that evaluate gives of the best checkpoint, which is a model', async () => {
    const { summary } = await run({ ...looking, tokenizer: 'bytes', keep: 1 });
    const last = evaluations().at(-1)!;
    expect(last).toMatchObject({ step: 4, is_best: true, since_best: 0, checkpoint: join(out, 'best') });
    expect(summary.best).toMatchObject({ step: 4, crossEntropy: last.cross_entropy, checkpoint: join(out, 'best') });
    expect(best()).toEqual(['step-00000004.mayfly']);
    const again = await evaluate({ model: join(out, 'best'), data: heldOut, window: 16, windows: [0, 5], batch: 2 });
    expect(again.crossEntropy).toBe(last.cross_entropy);
    expect(last.bits_per_byte as number).toBeCloseTo((last.cross_entropy as number) / Math.LN2, 12);
  });

  test('counts the bytes of the text of the targets', async () => {
    // A vocabulary of the letters a, bb, ccc: a target has one, two or three bytes.
    const words = ['<unk>', 'a', 'bb', 'ccc'];
    const path = join(folder, 'words.json');
    const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
    const tokens = Uint16Array.from({ length: 33 }, (_, index) => 1 + (index % 3));
    writeFileSync(
      path,
      JSON.stringify({
        version: '1.0',
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: null,
        post_processor: null,
        model: { type: 'WordLevel', vocab, unk_token: '<unk>' },
        decoder: { type: 'Fuse' },
      }),
    );
    const stream = new TokenArray(tokens, 'letters');
    await run({ ...looking, validation: stream, tokenizer: path, evaluateWindows: 0 });
    const { cross_entropy: loss, bits_per_byte: bits, targets } = evaluations()[0]!;
    expect(targets).toBe(32);
    const bytes = [...tokens.subarray(1)].reduce((sum, id) => sum + id, 0);
    expect(bits as number).toBeCloseTo(((loss as number) * 32) / Math.LN2 / bytes, 10);
  });

  test('keeps a share of the data out of training', async () => {
    const tokens = new TokenArray(smallTokens(2000, 200), 'tokens');
    const ends: number[] = [];
    const data = {
      source: 'tokens',
      length: 2000,
      read(offset: number, target: Int32Array) {
        if (target.length === 17) ends.push(offset + 17);
        tokens.read(offset, target);
      },
      close() {},
      [Symbol.dispose]() {},
    };
    await using trainer = await createTrainer({
      ...small,
      data,
      batch: 8,
      steps: 20,
      validation: 0.1,
      evaluateEvery: 1000,
    });
    const whole: number[] = [];
    for await (const { step } of trainer.steps()) {
      if (step === 19) whole.push(...ends);
    }
    // The evaluation before the first step reads the 12 windows of the share.
    const trained = whole.slice(12);
    // A step reads its windows, and those of the next, whose rows of the embedding it updates first.
    expect(trained).toHaveLength(2 * 19 * 8);
    expect(Math.max(...trained)).toBeLessThanOrEqual(1800);
    expect(Math.max(...trained)).toBeGreaterThan(1500);
    expect(Math.min(...whole.slice(0, 12))).toBeGreaterThan(1800);
  });

  test('goes on after an interruption as if there had been none', async () => {
    const options = { ...looking, steps: 7, lr: 1e-2 };
    const whole = await run(options);
    const expected = figures();
    await run({ ...options, overwrite: true }, 3);
    const second = await resume();
    expect(fingerprint(second)).toEqual(fingerprint(whole));
    expect(second.summary.best).toEqual(whole.summary.best);
    expect(figures()).toEqual(expected);
  });

  test('drops an evaluation that is aborted, and makes it first when the run goes on', async () => {
    const stop = new AbortController();
    await using trainer = await createTrainer({ ...small, ...looking, out });
    trainer.on('step', ({ step }) => step === 2 && stop.abort());
    const summary = await trainer.train({ signal: stop.signal });
    expect(summary).toMatchObject({ reason: 'aborted', lastStep: 2 });
    expect(evaluations().map(({ step }) => step)).toEqual([0]);
    await trainer.close();
    await resume();
    expect(evaluations().map(({ step }) => step)).toEqual([0, 2, 4]);
  });

  test('ends a run after the evaluations of its patience', async () => {
    const { summary } = await run({ ...worsening, patience: 3 });
    expect(summary).toMatchObject({
      reason: 'patience',
      lastStep: 3,
      best: { step: 0, checkpoint: join(out, 'best') },
    });
    expect(evaluations().map(({ since_best }) => since_best)).toEqual([0, 1, 2, 3]);
    expect(best()).toEqual(['step-00000000.mayfly']);

    const finished = await mayfly(['train', '--out', out, '--auto-resume', '--data', small.data, '--json']);
    expect(finished).toMatchObject({ code: 0, lines: { length: 1 } });
    expect(lastEvent(finished, 'finished')).toMatchObject({ step: 3, reason: 'patience' });
    const resumed = await mayfly(['train', '--resume', out, '--patience', '0', '--steps', '5', '--json']);
    expect(lastEvent(resumed, 'done')).toMatchObject({ reason: 'finished', last_step: 5 });
  });

  test('resumes from the best checkpoint in the folder of the run', async () => {
    await run({ ...looking, steps: 4 });
    await resume({ steps: 6, lr: 0.3, clip: 0 });
    expect(best()).toEqual(['step-00000004.mayfly']);
    const { summary } = await resume({ resume: join(out, 'best'), steps: 5 });
    expect(summary).toMatchObject({ lastStep: 5, stepsRun: 1 });
    expect(existsSync(join(out, 'step-00000006.mayfly'))).toBe(false);
    await run({ overwrite: true });
    expect(existsSync(join(out, 'best'))).toBe(false);
  });

  test('keeps the best checkpoint from which a killed run goes on, until that has a later one', async () => {
    const looks = ['--validation', heldOut, '--evaluate-every', '1', '--evaluate-windows', '5', '--lr', '3e-3'];
    const given = ['train', ...flags, ...looks, '--checkpoint-every', '2', '--out', out, '--json'];
    await mayfly(given, { env: signalledAt('{"event":"evaluation","step":3,', 'SIGKILL') });
    expect(best().sort()).toEqual([2, 3].map((step) => `step-0000000${step}.mayfly`));
    // With these options no step is better.
    const { summary } = await resume({ lr: 0.5, clip: 0 });
    expect(best()).toEqual(['step-00000002.mayfly']);
    expect(summary.best).toMatchObject({ step: 2, checkpoint: join(out, 'best') });
    const aside = () => readdirSync(out).filter((name) => name.startsWith('set-aside-'));
    // Beside checkpoints of the run, which may be of the same step.
    expect(readdirSync(join(out, aside()[0]!, 'best'))).toEqual(['step-00000003.mayfly']);
    await run({ overwrite: true });
    expect(aside()).toEqual([]);
  });

  test('is an error where it makes no sense', async () => {
    const refused = (options: TrainOptions) => expect(createTrainer({ ...small, out, ...options })).rejects;
    await refused({ validation: 1.5 }).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await refused({ patience: 2 }).toThrow('Expected patience to be given with validation, got 2');
    const short = new TokenArray(smallTokens(30, 200), 'short');
    await refused({ data: short, validation: 0.5 }).toMatchObject({ code: 'ERR_DATA_SHORT' });
    await refused({ model: { ...smallConfig, vocab: 200 }, sample: 'once' }).toThrow('since the run has no tokenizer');
    await run({ validation: 0.1, steps: 1 });
    await expect(resume({ validation: 0.2 })).rejects.toThrow('0.1 as in the run that is resumed');
    await run({ validation: heldOut, steps: 1, overwrite: true });
    const other = join(folder, 'other.u16');
    writeFileSync(other, smallTokens(300, 100));
    await expect(resume({ validation: other })).rejects.toMatchObject({
      code: 'ERR_CHANGED_INPUT',
      message: expect.stringContaining(`the validation data at ${other} is not that of the run`),
    });
  });

  test('is shown on the terminal', async () => {
    const flags = ['--validation', '0.1', '--evaluate-every', '2', '--sample', 'It', '--sample-tokens', '2'];
    const text = join(folder, 'text.txt');
    writeFileSync(text, 'It is a small text. '.repeat(200));
    const size = ['--batch', '2', '--seq', '16', '--steps', '2', '--standby', '0', '--host-threads', '0'];
    const ended = await mayfly(['train', '--data', text, '--tokenizer', 'bytes', ...size, ...flags, '--out', out]);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const shown = ended.lines.join('\n');
    expect(shown).toMatch(
      /validation \d\.\d{4} nats per token, \d\.\d{4} bits per byte after step 0 \(\d+ targets, .*\), the lowest so far\n/,
    );
    expect(shown).toMatch(/sample after step 2:\n {2}\| It/);
    expect(shown).toMatch(/\nbest +\d\.\d{4} nats per token/);
  });
});
