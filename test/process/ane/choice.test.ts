import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, evaluate, generate, type TrainOptions } from '@mayfly/core';
import { answersFolder, storedChoices } from '@mayfly/core/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type AneReport, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { runTraining, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
let runs = 0;
const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterEach(() => {
  warnings.mockClear();
  vi.unstubAllEnvs();
});

const steps = { data, batch: 2, seq: 16, steps: 5, lr: 3e-3 } as const;
const pool = { standby: 0, pacing: { failureMs: 0, settleMs: 0 } } as const;

/** Device ane on a stand-in, or a simulator, that refuses programs, with nothing known about it. */
interface Stand {
  readonly device: string;
  refuse(list: string): void;
  /** Counts of every process of device ane since `refuse`; null for a simulator. */
  reports(): readonly AneReport[] | null;
  /** Directories that are left of programs. */
  left(): readonly string[];
}

function stand(runtime: string | null): Stand {
  const own = join(folder, `stand-${++runs}`);
  const [staged, reports] = [join(own, 'staged'), join(own, 'reports')];
  for (const each of [staged, reports]) mkdirSync(each, { recursive: true });
  vi.stubEnv('XDG_CACHE_HOME', join(own, 'cache'));
  if (runtime !== null) {
    vi.stubEnv('MAYFLY_ANE_RUNTIME', runtime);
    vi.stubEnv('MAYFLY_ANE_DIALECT', 'ios18');
    vi.stubEnv('MAYFLY_EMULATOR_TEMPORARY', staged);
    vi.stubEnv('MAYFLY_EMULATOR_REPORT', join(reports, '%p.json'));
  }
  return {
    device: runtime === null ? 'sim:m4,no-rules' : 'ane',
    refuse(list) {
      for (const name of readdirSync(reports)) rmSync(join(reports, name));
      if (runtime === null) vi.stubEnv('MAYFLY_SIM_FAULTS', JSON.stringify({ refuse: list.split(',') }));
      else vi.stubEnv('MAYFLY_EMULATOR_REFUSE', list);
    },
    reports: () =>
      runtime === null
        ? null
        : readdirSync(reports).map((name) => JSON.parse(readFileSync(join(reports, name), 'utf8')) as AneReport),
    left: () => readdirSync(staged).filter((name) => /^[0-9A-F]{16,}/.test(name)),
  };
}

const train = (device: string, more: Partial<TrainOptions> = {}) =>
  runTraining({ ...steps, ...more, pool: { ...pool, device } });

const compilationsOf = (reports: readonly AneReport[]) => reports.reduce((sum, each) => sum + each.compilations, 0);

const references = new Map<string, ReturnType<typeof train>>();

/** The run that device cpu makes of these options, once for all tests. */
function referenceOf(more: Partial<TrainOptions> = {}): ReturnType<typeof train> {
  const key = JSON.stringify(more);
  const made = references.get(key) ?? train('cpu', more);
  references.set(key, made);
  return made;
}

/** Programs of two halves in the worker that trains. */
const expectLosses = async (device: string, more: Partial<TrainOptions> = {}) => {
  const reference = await referenceOf(more);
  const run = await train(device, more);
  expect(run.records).toHaveLength(steps.steps);
  for (const [index, { loss }] of run.records.entries())
    expect(Math.abs(loss - reference.records[index]!.loss)).toBeLessThan(2e-3);
  return run;
};

const choices = () =>
  Object.fromEntries(
    storedChoices.all().map(({ question, answer }) => [(JSON.parse(question) as { part: string }).part, answer]),
  );

const patterns: readonly [refuse: string, weights: 'dynamic' | 'static', chosen: Record<string, string>][] = [
  ['cycle-path', 'dynamic', { attention: 'probabilities', feedForward: 'fused' }],
  ['softmax-backward@load', 'static', { attention: 'probabilities', feedForward: 'fused' }],
  ['shared-operand', 'dynamic', { attention: 'single', feedForward: 'single' }],
  ['products=3', 'dynamic', { attention: 'small' }],
  ['reduce-with-matmul', 'static', { attention: 'small' }],
  ['products=1', 'static', { attention: 'single', feedForward: 'single' }],
  ['softmax-backward@zeros', 'dynamic', { attention: 'probabilities' }],
  ['sigmoid,cycle-path@evaluate', 'dynamic', { attention: 'probabilities', silu: 'exp' }],
];

function onStand(runtime: string | null, cases = patterns): void {
  test.each(cases)(
    'refusing %s, training with %s weights goes on in other variants',
    async (refuse, weights, chosen) => {
      const { device, reports, left, refuse: set } = stand(runtime);
      set(refuse);
      await expectLosses(device, { weights });
      const answers = choices();
      for (const [part, variant] of Object.entries(chosen)) expect(answers[part]?.chosen).toBe(variant);
      expect(left()).toEqual([]);
      const first = reports();
      set(refuse);
      const { summary } = await train(device, { weights });
      expect(summary.workerDeaths).toBe(0);
      const second = reports();
      if (first === null || second === null) return;
      for (const { live } of [...first, ...second]) expect(live).toEqual({ models: 0, loaded: 0, surfaces: 0 });
      // The answers are known: all that is compiled is what trains.
      expect(compilationsOf(first) - compilationsOf(second)).toBeGreaterThan(0);
      expect(compilationsOf(first) - compilationsOf(second)).toBeLessThanOrEqual(40);
      expect(second).toHaveLength(1 + summary.retirements);
    },
  );
}

onEachRuntime((tier, runtime) => {
  onStand(runtime, fullProduct ? patterns.slice(0, tier === 'T1' ? undefined : 2) : patterns.slice(4));

  test.each(['in-memory', 'client'])(
    'an abort amid a canary lets its process unload, and keeps no half of an answer (API %s)',
    async (api) => {
      const { device, refuse, reports, left } = stand(runtime);
      refuse('operation:log');
      vi.stubEnv('MAYFLY_ANE_API', api);
      vi.stubEnv('MAYFLY_EMULATOR_COMPILE_MS', '100');
      const controller = new AbortController();
      const reason = new Error('enough');
      let polling: NodeJS.Timeout | undefined;
      // From the second candidate on, the process has started, and all that it stages is a program at work.
      const onProgress = (text: string) => {
        if (text.startsWith('silu')) return;
        polling ??= setInterval(() => left().length > 0 && controller.abort(reason), 5);
      };
      const given = { ...steps, pool: { ...pool, device }, signal: controller.signal, onProgress };
      await expect(createTrainer(given)).rejects.toBe(reason);
      clearInterval(polling);
      expect(reports()).toEqual([expect.objectContaining({ live: { models: 0, loaded: 0, surfaces: 0 } })]);
      expect(left()).toEqual([]);
      expect(readdirSync(answersFolder()).filter((name) => !name.endsWith('.json'))).toEqual([]);
      expect(choices()).not.toHaveProperty('attention');
    },
  );
});

describe('sim', () => {
  onStand(null, patterns.slice(0, fullProduct ? 3 : 1));

  test('where no variant runs, one error has a reason for each', async () => {
    const { device, refuse } = stand(null);
    refuse('operation:softmax@zeros');
    const tried: string[] = [];
    const onProgress = (text: string) => tried.push(text);
    const given = { ...steps, pool: { ...pool, device }, onProgress };
    const failed = createTrainer(given);
    await expect(failed).rejects.toMatchObject({ code: 'ERR_NO_VARIANT' });
    await expect(failed).rejects.toThrow(/fused \(dxn of attentionBackward is zero\); .*single \(.* is zero\)\.$/);
    // The next run does not pay for the same answer.
    expect(choices().attention).toMatchObject({ chosen: null });
    tried.length = 0;
    await expect(createTrainer(given)).rejects.toThrow(
      /Found 2.* on system .*; .*mayfly(?:\.js)? doctor --choose asks again\.$/,
    );
    expect(tried).toEqual([]);
  });

  test('what is damaged is found again', async () => {
    const { device, refuse } = stand(null);
    refuse('cycle-path');
    await train(device, { steps: 1 });
    const before = choices();
    for (const name of readdirSync(answersFolder())) writeFileSync(join(answersFolder(), name), '{"version":1');
    expect(choices()).toEqual({});
    // What writers left that were killed, an hour ago and just now.
    const [old, young] = ['0', '1'].map((digit) => join(answersFolder(), `variant-a.json.${digit.repeat(36)}`));
    for (const path of [old!, young!]) writeFileSync(path, '{');
    utimesSync(old!, Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);
    await train(device, { steps: 1 });
    expect([existsSync(old!), existsSync(young!)]).toEqual([false, true]);
    expect(Object.keys(choices())).toEqual(Object.keys(before));
  });

  test('a forced variant is taken without a canary, on cpu, too', async () => {
    const { device, refuse } = stand(null);
    refuse('operation:exp');
    for (const each of [device, 'cpu']) {
      await using trainer = await createTrainer({
        ...steps,
        pool: { ...pool, device: each },
        variant: 'attention=sdpaBwd,feedForward=ffnBwd,silu=sigmoid,rope=slice,split=1',
      });
      expect(trainer.form).toMatchObject({
        variants: { attention: 'sdpaBwd', feedForward: 'ffnBwd' },
        silu: 'sigmoid',
      });
    }
    expect(choices()).toEqual({});
    const wrong = (variant: string) => createTrainer({ ...steps, pool: { device: 'cpu' }, variant });
    await expect(wrong('attention=none')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(wrong('attention=small,attention=fused')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(wrong('foo=bar')).rejects.toThrow('one of attention, feedForward, silu, rope, split, got');
    await expect(wrong('mlp=fused')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(wrong('silu=tanh')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });

  test('plain simulators and cpu run no canaries', async () => {
    const { device } = stand(null);
    await train(device, { steps: 1 });
    expect(choices()).toEqual({});
  });

  test('a compiler that hangs costs its rung, and an abort ends the choice', async () => {
    const { device } = stand(null);
    const hanging = { refuse: ['operation:log'], compile: [{ fault: 'hang', at: [1] }] };
    vi.stubEnv('MAYFLY_SIM_FAULTS', JSON.stringify(hanging));
    const given = { ...steps, steps: 1, pool: { ...pool, device, timeouts: { compileMs: 300 } } };
    const failed = createTrainer({ ...given, variant: 'silu=sigmoid,rope=slice,split=1' });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_NO_VARIANT' });
    await expect(failed).rejects.toThrow(/fused.* \(.+\)/);
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = () => controller.abort(reason);
    await expect(createTrainer({ ...given, signal: controller.signal, onProgress })).rejects.toBe(reason);
  });

  test('eval and generate take what training found, and else try forward passes alone', async () => {
    const { device, refuse } = stand(null);
    refuse('cycle-path');
    const out = join(folder, 'evaluated');
    await train(device, { steps: 1, out });
    const found = storedChoices.all();
    expect(choices().attention?.chosen).toBe('probabilities');
    const run = (on: string, windows: readonly [number, number]) => {
      const tried: string[] = [];
      const onProgress = (text: string) => tried.push(text);
      const given = { model: out, data, tokenizer: 'bytes', window: 16, windows, device: on, standby: 0, onProgress };
      return evaluate(given).then(({ crossEntropy }) => ({ crossEntropy, tried }));
    };
    const expectSame = async (windows: readonly [number, number]) => {
      const here = await run(device, windows);
      expect(Math.abs(here.crossEntropy - (await run('cpu', windows)).crossEntropy)).toBeLessThan(1e-3);
      return here.tried;
    };
    // Two windows of 16 tokens, as in training.
    expect(await expectSame([0, 2])).toEqual([]);
    expect(storedChoices.all()).toEqual(found);
    // No backward pass is compiled: the sim refuses one operation of it, and nothing of a forward pass.
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'nothing-known'));
    refuse('softmax-backward');
    expect(await expectSame([0, 2])).toContain('attention fused');
    expect(choices().attention).toMatchObject({ chosen: 'fused', refused: {} });
    expect(await expectSame([0, 2])).toEqual([]);
    await train(device, { steps: 1 });
    expect(
      storedChoices.all().flatMap(({ answer: { chosen } }) => (chosen === 'probabilities' ? [chosen] : [])),
    ).toHaveLength(1);
    const tried: string[] = [];
    const given = { model: out, tokenizer: 'bytes', prompt: 'a', maxTokens: 2, device, standby: 0 } as const;
    for await (const _ of generate({ ...given, onProgress: (text) => tried.push(text) }))
      expect(tried).toContain('attention fused');
  });
});

describe('a program that a device refuses later', () => {
  test.each([
    ['when it is compiled at its real size', 'cycle-path/100000'],
    ['when it is evaluated at its real size', 'cycle-path@evaluate/100000'],
  ])('%s moves its half to the next variant, and no step is lost', async (_, refuse) => {
    const { device, refuse: set } = stand(null);
    set(refuse);
    // Larger than the canary.
    await expectLosses(device, { batch: 8, seq: 64 });
    expect(choices().attention).toMatchObject({
      chosen: 'probabilities',
      refused: { fused: expect.stringMatching(/^in use/) },
    });
    expect(warnings).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^attention moves from fused to probabilities: /),
      expect.objectContaining({ code: 'MAYFLY_VARIANT' }),
    );
  });

  test('moves the axis whose operation the device names, not its half', async () => {
    const { device, refuse } = stand(null);
    refuse('joined-slices/100000');
    await using trainer = await createTrainer({ ...steps, batch: 8, seq: 64, pool: { ...pool, device } });
    expect(trainer.form).toMatchObject({ rope: 'permutation', variants: { attention: 'fused', feedForward: 'fused' } });
    expect(warnings).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^rope moves from slice to permutation: /),
      expect.objectContaining({ code: 'MAYFLY_VARIANT' }),
    );
    expect(choices().rope).toMatchObject({
      chosen: 'permutation',
      refused: { slice: expect.stringMatching(/^in use/), reshape: expect.stringMatching(/^in use: compile: .*joins/) },
    });
  });

  test.each(['cycle-path@evaluate', 'cycle-path'])(
    'amid a run, on fresh workers: the step is repeated (%s)',
    async (refused) => {
      const { device, refuse } = stand(null);
      refuse('operation:log');
      const reference = await referenceOf();
      await using trainer = await createTrainer({ ...steps, pool: { ...pool, device } });
      const records: { loss: number }[] = [];
      const moves: unknown[] = [];
      trainer.on('record', (record) => record.event === 'variantMove' && moves.push(record));
      for await (const record of trainer.steps()) {
        records.push(record);
        if (record.step !== 2) continue;
        refuse(refused);
        await trainer.pool.recycle();
      }
      expect(records).toHaveLength(steps.steps);
      for (const [index, { loss }] of records.entries())
        expect(Math.abs(loss - reference.records[index]!.loss)).toBeLessThan(2e-3);
      expect(trainer.form.variants?.attention).toBe('probabilities');
      expect(moves).toEqual([expect.objectContaining({ part: 'attention', from: 'fused', to: 'probabilities' })]);
    },
  );
});
