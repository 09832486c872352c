import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, type TrainOptions } from '@mayfly/core';
import { decoderLayerOf } from '@mayfly/core/layers';
import { blockFlow, gradientPrograms, type ModelConfig, storedChoices, TokenArray } from '@mayfly/core/testing';
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

const data = new TokenArray(smallTokens(1500, 50), 'tokens');
const model: ModelConfig = { ...smallConfig, dim: 32, layers: 3 };
const options = {
  ...{ data, model, batch: 8, seq: 32, steps: 2, lr: 3e-3, accumulate: 2 },
  weightGradients: 'device',
  // One form of the layers: weight gradients alone are asked about.
  variant: 'attention=fused,feedForward=fused,silu=sigmoid,rope=slice,split=1',
} as const;

/** Elements of the input of a block's program, which are more than those of any other. */
const elements = (columns: number): number => {
  const { blocks, parameters } = decoderLayerOf(model);
  const [{ input }] = gradientPrograms(blockFlow(blocks[1]!).parameters, parameters(model), columns) as [
    ReturnType<typeof gradientPrograms>[number],
  ];
  return input.channels * input.width;
};
const used = elements(256);

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
    await using trainer = await open('cpu', { weightGradients: 'host' });
    return await lossesOf(trainer);
  })();
  for (const [index, loss] of (await reference).entries()) expect(Math.abs(losses[index]! - loss)).toBeLessThan(2e-3);
};

const answers = () =>
  storedChoices.all().map(({ question, answer }) => ({ ...(JSON.parse(question) as { part: string }), ...answer }));

const onDevice = { attention: 'device', feedForward: 'device' };
const partly = { attention: 'device', feedForward: 'host' };

const { tier, path: runtime, needs } = emulators[0]!;
describe.skipIf(!existsSync(runtime))(`${tier} (needs ${needs})`, () => {
  const nothingKnown = (name: string, refuse: string, api = 'in-memory') => {
    const staged = join(folder, `${name}-staged`);
    mkdirSync(staged);
    vi.stubEnv('XDG_CACHE_HOME', join(folder, `${name}-cache`));
    vi.stubEnv('MAYFLY_ANE_RUNTIME', runtime);
    vi.stubEnv('MAYFLY_ANE_API', api);
    vi.stubEnv('MAYFLY_ANE_DIALECT', 'ios18');
    vi.stubEnv('MAYFLY_EMULATOR_TEMPORARY', staged);
    vi.stubEnv('MAYFLY_EMULATOR_REFUSE', refuse);
  };

  test.each(['in-memory', 'client'])(
    'over %s, a device that gives the results of the cpu is asked once',
    async (api) => {
      nothingKnown(`good-${api}`, '', api);
      const tried: string[] = [];
      const onProgress = (text: string) => void tried.push(text);
      await using trainer = await open('ane', { onProgress });
      expect(trainer.form.weightGradients).toEqual(onDevice);
      await expectLosses(await lossesOf(trainer));
      expect(tried).toEqual(['attention.weightGradients device', 'feedForward.weightGradients device']);
      expect(answers()).toHaveLength(2);
      await using again = await open('ane', { onProgress, weights: 'static' });
      expect(again.form.weightGradients).toEqual(onDevice);
      expect(tried).toHaveLength(2);
      await expectLosses(await lossesOf(again));
    },
  );

  test.each([
    ['refused', `operation:matmul/${used}`, 'compile: .*'],
    ['wrong', `operation:matmul@zeros/${used}`, 'w1 of feedForward.weightGradients is zero'],
  ])('programs that are %s leave the gradients of a block to the host', async (name, refuse, why) => {
    nothingKnown(name, refuse);
    await using trainer = await open('ane');
    expect(trainer.form.weightGradients).toEqual(partly);
    const line = new RegExp(`^feedForward.weightGradients runs on the host: device failed \\((${why})\\)$`);
    expect(trainer.formNotes).toEqual([expect.stringMatching(line)]);
    await expectLosses(await lossesOf(trainer));
    const tried: string[] = [];
    await using again = await open('ane', { onProgress: (text) => void tried.push(text) });
    expect(again.formNotes).toEqual(trainer.formNotes);
    expect(tried).toEqual([]);
  });

  test.each([
    ['compiled', `operation:matmul/${elements(320)}`],
    ['evaluated', `operation:matmul@evaluate/${elements(320)}`],
  ])(
    'programs that are refused when they are %s in use move to the host, and no step is lost',
    async (name, refuse) => {
      nothingKnown(name, refuse);
      // More tokens than a canary has.
      const long = { batch: 10, seq: 32, accumulate: 2 };
      await using trainer = await open('ane', long);
      const losses = await lossesOf(trainer);
      await using host = await open('cpu', { ...long, weightGradients: 'host' });
      for (const [index, loss] of (await lossesOf(host)).entries()) {
        expect(Math.abs(losses[index]! - loss)).toBeLessThan(2e-3);
      }
      expect(trainer.form.weightGradients).toEqual(partly);
      expect(warnings).toHaveBeenCalledExactlyOnceWith(
        expect.stringMatching(/^feedForward.weightGradients moves from device to host: /),
        expect.objectContaining({ code: 'MAYFLY_VARIANT' }),
      );
      expect(answers()).toContainEqual(
        expect.objectContaining({
          ...{ part: 'feedForward.weightGradients', chosen: 'host' },
          refused: { device: expect.stringMatching(/^in use: /) },
        }),
      );
    },
  );
});
