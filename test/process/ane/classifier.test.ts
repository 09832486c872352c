import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, type TrainOptions } from '@mayfly/core';
import { classifierPrograms, type ModelConfig, storedChoices, TokenArray } from '@mayfly/core/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { emulators } from '../../fixtures/ane-emulator.js';
import { smallConfig, smallTokens } from '../../fixtures/small-model.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterEach(() => {
  warnings.mockClear();
  vi.unstubAllEnvs();
});

const data = new TokenArray(smallTokens(1500, 600), 'tokens');
const model: ModelConfig = { ...smallConfig, headDim: 6, vocab: 600 };
const options = {
  ...{ data, model, batch: 4, seq: 16, steps: 2, lr: 3e-3 },
  classifier: 'device',
  // One form of the layers: the classifier alone is asked about.
  variant: 'attention=fused,feedForward=fused,silu=sigmoid,rope=slice,split=1',
} as const;

/** Elements of the classifier's input, which that of no layer has. */
const elements = (columns: number): number => {
  const { channels, width } = classifierPrograms({ dim: 24, vocab: 600, columns }).input;
  return channels * width;
};
const [canary, used] = [elements(32), elements(64)];

const open = (device: string, more: Partial<TrainOptions> = {}) =>
  createTrainer({
    ...{ ...options, ...more },
    pool: { device, standby: 0, pacing: { failureMs: 0, settleMs: 0 } },
  });

type Trainer = Awaited<ReturnType<typeof open>>;

async function lossesOf(trainer: Trainer): Promise<number[]> {
  const losses: number[] = [];
  for await (const { loss } of trainer.steps()) losses.push(loss);
  return losses;
}

let reference: Promise<number[]> | undefined;
const expectLosses = async (losses: readonly number[]) => {
  reference ??= (async () => {
    await using trainer = await open('cpu', { classifier: 'host' });
    return await lossesOf(trainer);
  })();
  for (const [index, loss] of (await reference).entries()) expect(Math.abs(losses[index]! - loss)).toBeLessThan(2e-3);
};

const answers = () =>
  storedChoices.all().map(({ question, answer }) => ({ ...(JSON.parse(question) as { part: string }), ...answer }));

const { tier, path: runtime, needs } = emulators[0]!;
describe.skipIf(!existsSync(runtime))(`${tier} (needs ${needs})`, () => {
  const nothingKnown = (name: string, refuse: string) => {
    const staged = join(folder, `${name}-staged`);
    mkdirSync(staged);
    vi.stubEnv('XDG_CACHE_HOME', join(folder, `${name}-cache`));
    vi.stubEnv('MAYFLY_ANE_RUNTIME', runtime);
    vi.stubEnv('MAYFLY_ANE_DIALECT', 'ios18');
    vi.stubEnv('MAYFLY_EMULATOR_TEMPORARY', staged);
    vi.stubEnv('MAYFLY_EMULATOR_REFUSE', refuse);
  };

  test('a device that gives the results of the cpu is asked once', async () => {
    nothingKnown('good', '');
    const tried: string[] = [];
    const onProgress = (text: string) => void tried.push(text);
    await using trainer = await open('ane', { onProgress });
    expect(trainer.form.classifier).toBe('device');
    await expectLosses(await lossesOf(trainer));
    expect(tried).toEqual(['classifier device']);
    expect(answers()).toEqual([expect.objectContaining({ part: 'classifier', chosen: 'device', refused: {} })]);
    await using again = await open('ane', { onProgress });
    expect(again.form.classifier).toBe('device');
    expect(tried).toHaveLength(1);
  });

  test.each([
    ['refused', `operation:matmul/${canary}`, 'compile: .*'],
    [
      'wrong',
      `operation:matmul@zeros/${canary}`,
      'logits of classifierForward is zero|dx of classifierBackward is zero',
    ],
  ])(
    'programs that are %s leave the products to the host, with a line and a kept answer',
    async (name, refuse, why) => {
      nothingKnown(name, refuse);
      await using trainer = await open('ane');
      expect(trainer.form.classifier).toBe('host');
      const line = new RegExp(`^classifier runs on the host: device failed \\((${why})\\)$`);
      expect(trainer.formNotes).toEqual([expect.stringMatching(line)]);
      expect(answers()).toEqual([expect.objectContaining({ part: 'classifier', chosen: 'host' })]);
      await expectLosses(await lossesOf(trainer));
      const tried: string[] = [];
      await using again = await open('ane', { onProgress: (text) => void tried.push(text) });
      expect(again.formNotes).toEqual(trainer.formNotes);
      expect(tried).toEqual([]);
    },
  );

  test.each([
    ['compiled at their real size', 'start', `operation:matmul/${used}`],
    ['evaluated at their real size', 'evaluation', `operation:matmul@evaluate/${used}`],
  ])('programs that are refused when they are %s move to the host, and no step is lost', async (_, name, refuse) => {
    nothingKnown(name, refuse);
    await using trainer = await open('ane');
    await expectLosses(await lossesOf(trainer));
    expect(trainer.form.classifier).toBe('host');
    expect(warnings).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^classifier moves from device to host: /),
      expect.objectContaining({ code: 'MAYFLY_VARIANT' }),
    );
    expect(answers()).toEqual([
      expect.objectContaining({ chosen: 'host', refused: { device: expect.stringMatching(/^in use: /) } }),
    ]);
  });
});
