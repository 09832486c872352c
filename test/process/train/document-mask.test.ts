import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArenaScope,
  createPool,
  createTrainer,
  evaluate,
  type Pool,
  TokenArray,
  type TrainOptions,
} from '@mayfly/core';
import { adaptLayer, checkLayer, decoderLayer, decoderLayerOf, type LayerDefinition } from '@mayfly/core/layers';
import { arenaBytesFor, Decoder, ParameterLayout, type ProgramShape, runLayer } from '@mayfly/core/testing';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { onEachRuntime } from '../../fixtures/ane-emulator.js';
import { referenceLoss } from '../../fixtures/reference-decoder.js';
import { smallConfig, smallTokens } from '../../fixtures/small-model.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

/** Of the largest magnitude in a tensor: sums of other lengths round otherwise. */
const TOLERANCE = 8e-3;
const variants = decoderLayer.blocks[0]!.variants!.map(({ name }) => name);
const masked = decoderLayerOf({ documentMask: true });
const lora = { rank: 4, alpha: 6, dropout: 0, targets: ['wq', 'wk', 'wv', 'wo'], rslora: false };
const shape: ProgramShape = {
  ...{ dim: 24, hidden: 29, heads: 4, kvHeads: 2, headDim: 6, eps: 1e-5, ropeBase: 500, batch: 1, sequence: 9 },
  ropePairing: 'half',
};
const formOf = (attention: string) => ({ variants: { attention } });

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ device: 'cpu', workers: 1, standby: 0, arenaBytes: 2 ** 26 });
});
afterAll(() => pool.close());
afterEach(() => void vi.unstubAllEnvs());

const generator = xoroshiro128plus(3);
const uniform = () => (generator.next() >>> 0) / 2 ** 32 - 0.5;
const sample = (count: number, of: () => number) => Float32Array.from({ length: count }, of);

function parametersOf(definition: LayerDefinition): Record<string, Float32Array> {
  const specs = Object.entries(definition.parameters(shape));
  return Object.fromEntries(
    specs.map(
      ([
        name,
        {
          shape: [rows, columns],
        },
      ]) => [
        name,
        columns === undefined
          ? sample(rows, () => 1 + uniform())
          : sample(rows * columns, () => (3 * uniform()) / Math.sqrt(columns)),
      ],
    ),
  );
}

/** Columns of a matrix [dim, width]. */
const columnsOf = (matrix: Float32Array, width: number, first: number, count: number) =>
  sample(shape.dim * count, () => 0).map((_, at) => matrix[Math.floor(at / count) * width + first + (at % count)]!);

function distance(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  const most = Math.max(...b.map(Math.abs));
  return a.reduce((worst, value, index) => Math.max(worst, Math.abs(value - b[index]!)), 0) / most;
}

describe.each([
  { batch: 1, documents: [5, 4] },
  { batch: 2, documents: [4, 4, 1, 2, 7] },
])('$batch windows of the documents $documents', ({ batch, documents }) => {
  const width = 9 * batch;
  const starts = documents.map((_, index) => documents.slice(0, index).reduce((sum, length) => sum + length, 0));
  const numbers = Float32Array.from(documents.flatMap((length, index) => Array<number>(length).fill(index - 1)));
  const x = sample(shape.dim * width, () => 4 * uniform());
  const dy = sample(shape.dim * width, () => 2 * uniform());

  test.each([
    { kind: 'dynamic', plain: decoderLayer, definition: masked },
    { kind: 'static', plain: decoderLayer, definition: masked },
    { kind: 'adapters', plain: adaptLayer(decoderLayer, lora), definition: adaptLayer(masked, lora) },
    { kind: 'dynamic', plain: adaptLayer(decoderLayer, lora), definition: adaptLayer(masked, lora) },
  ] as const)('outputs and gradients are those of each document alone in every variant: $kind', async (given) => {
    const { kind: weights, plain, definition } = given;
    const parameters = parametersOf(plain);
    const alone = await Promise.all(
      documents.map((sequence, index) => {
        const own = (matrix: Float32Array) => columnsOf(matrix, width, starts[index]!, sequence);
        const inputs = { ...parameters, x: own(x) };
        return runLayer(
          pool,
          { definition: plain, weights },
          { shape: { ...shape, sequence }, form: {}, inputs, dy: own(dy) },
        );
      }),
    );
    const together = (layer: LayerDefinition, attention: string) =>
      runLayer(
        pool,
        { definition: layer, weights },
        { shape: { ...shape, batch }, form: formOf(attention), inputs: { ...parameters, x, documents: numbers }, dy },
      );
    for (const attention of variants) {
      const result = await together(definition, attention);
      for (const [name, values] of Object.entries(result)) {
        const place = `${name} of ${attention}`;
        if (name === 'x' || name === 'y') {
          for (const [index, length] of documents.entries()) {
            const own = columnsOf(values, width, starts[index]!, length);
            expect.soft(distance(own, alone[index]![name]!), place).toBeLessThan(TOLERANCE);
          }
        } else {
          const sum = values.map((_, at) => alone.reduce((total, each) => total + each[name]![at]!, 0));
          expect.soft(distance(values, sum), place).toBeLessThan(TOLERANCE);
        }
      }
    }
    const { y } = await together(plain, 'fused');
    expect(
      distance(columnsOf(y!, width, 5, 1), columnsOf((await together(definition, 'fused')).y!, width, 5, 1)),
    ).toBeGreaterThan(0.05);
  });
});

test.each(variants)('gradients are those of finite differences: %s', async (attention) => {
  const { error } = await checkLayer(masked, { form: formOf(attention) });
  expect(error).toBeLessThan(0.01);
});

test.each(variants)('a layer without RoPE has the gradients of finite differences: %s', async (attention) => {
  const { error } = await checkLayer(decoderLayerOf({ unrotatedLayers: [0] }), { form: formOf(attention) });
  expect(error).toBeLessThan(0.01);
});

test.each(['dynamic', 'static'] as const)(
  'a model: loss and gradients are those of the documents alone, %s weights',
  async (weights) => {
    const lengths = [7, 5, 9, 3];
    const [sequence, columns, scale] = [12, 24, 256];
    const layout = new ParameterLayout(smallConfig);
    const parameters = new Float32Array(layout.count);
    for (const { offset, count, decay, initial, shape: size } of layout.entries) {
      parameters.set(
        sample(count, () => (decay ? (3 * uniform()) / Math.sqrt(size[1]!) : initial + uniform())),
        offset,
      );
    }
    const tokens = Int32Array.from(smallTokens(columns, smallConfig.vocab));
    const documents = Int32Array.from(lengths.flatMap((length, index) => Array<number>(length).fill(index % 2)));
    const starts = documents.map((document, index) => Number(index === 0 || document !== documents[index - 1]));
    const targets = tokens.map((_, index) => (starts[index + 1] === 0 ? tokens[index + 1]! : -1));
    const given = { config: smallConfig, batch: 2, sequence, weights, training: true, documentMask: true };
    await using own = await createPool({ arenaBytes: arenaBytesFor(given), standby: 0 });
    const decoder = new Decoder(new ArenaScope(own.arena), { ...given, hostThreads: 0 });
    decoder.state.parameters.array().set(parameters);
    await decoder.load(own);
    await decoder.forward(tokens, { documents });
    const counted = columns - lengths.length;
    const loss = (await decoder.backward(targets, scale / counted)) / counted;
    await decoder.weightGradients!.settleAll();
    const gradients = decoder.state.gradients.array().map((value) => value / scale);

    const masters = Float64Array.from(parameters);
    const lossAt = () =>
      lengths.reduce((sum, length, index) => {
        const first = lengths.slice(0, index).reduce((total, each) => total + each, 0);
        const window = tokens.subarray(first, first + length);
        const inputs = window.subarray(0, length - 1);
        return sum + (length - 1) * referenceLoss(smallConfig, masters, length - 1, inputs, window.subarray(1));
      }, 0) / counted;
    expect(Math.abs(loss - lossAt())).toBeLessThan(2e-3);
    for (const { name, layer, offset, count } of layout.entries) {
      const tensor = gradients.subarray(offset, offset + count);
      const steepest = [...tensor.keys()].sort((a, b) => Math.abs(tensor[b]!) - Math.abs(tensor[a]!)).slice(0, 3);
      for (const index of steepest) {
        const kept = masters[offset + index]!;
        const [above, below] = [1e-5, -1e-5].map((step) => {
          masters[offset + index] = kept + step;
          return lossAt();
        }) as [number, number];
        masters[offset + index] = kept;
        const difference = (above - below) / 2e-5;
        const tolerance = 0.015 * Math.abs(tensor[steepest[0]!]!);
        expect.soft(Math.abs(tensor[index]! - difference), `${name} of layer ${layer}`).toBeLessThan(tolerance);
      }
    }
    await decoder.dispose();
  },
);

describe('training', () => {
  const folder = temporaryFolder();
  const data = join(folder, 'texts.jsonl');
  const rows = Array.from({ length: 60 }, (_, index) => ({ text: 'once upon a time '.slice(index % 9) + index }));
  writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const config = { dim: 16, hidden: 24, layers: 1, heads: 2, kvHeads: 2, headDim: 8, sequence: 32, vocab: 256 };
  const model = { ...config, eps: 1e-5, ropeBase: 10_000, ropePairing: 'interleaved', tiedHead: true } as const;
  const options: TrainOptions = {
    ...{ model, data, tokenizer: 'bytes', documentMask: true, batch: 2, seq: 32, steps: 6, lr: 3e-3 },
    ...{ validation: 0.3, evaluateEvery: 3, pool: { device: 'cpu' } },
  };
  const validate = async (given: TrainOptions, stop = Number.POSITIVE_INFINITY) => {
    await using trainer = await createTrainer(given);
    const [losses, evaluations]: [number[], number[]] = [[], []];
    trainer.on('evaluation', ({ crossEntropy }) => evaluations.push(crossEntropy));
    const abort = new AbortController();
    for await (const { step, loss } of trainer.steps({ signal: abort.signal })) {
      losses.push(loss);
      if (step === stop) abort.abort();
    }
    return { losses, evaluations, parameters: trainer.parametersDigest() };
  };

  test.each(['dynamic', 'static'] as const)('stops and goes on with the same bits, %s weights', async (weights) => {
    const whole = await validate({ ...options, weights });
    const out = join(folder, weights);
    const first = await validate({ ...options, weights, out }, 4);
    const rest = await validate({ resume: out, model, pool: { device: 'cpu' } });
    expect([...first.losses, ...rest.losses]).toEqual(whole.losses);
    expect(rest.parameters).toBe(whole.parameters);
    const without = await validate({ ...options, weights, documentMask: false });
    expect(without.losses[0]).not.toBe(whole.losses[0]);
    await expect(createTrainer({ resume: out, model, documentMask: false })).rejects.toThrow(/documentMask/);
  });

  test('of adapters with dropout stops and goes on with the same bits, and is a mask', async () => {
    const adapters = { lora: { rank: 2, dropout: 0.2, targets: ['q_proj', 'up_proj'] }, lr: 0.03 };
    const whole = await validate({ ...options, ...adapters });
    const out = join(folder, 'adapters');
    const first = await validate({ ...options, ...adapters, out }, 4);
    const rest = await validate({ resume: out, model, pool: { device: 'cpu' } });
    expect([...first.losses, ...rest.losses]).toEqual(whole.losses);
    expect(rest.parameters).toBe(whole.parameters);
    for (const other of [{ documentMask: false }, { lora: { ...adapters.lora, dropout: 0 } }]) {
      expect((await validate({ ...options, ...adapters, ...other })).losses).not.toEqual(whole.losses);
    }
  });

  onEachRuntime((tier, runtime) => {
    test.each(['dynamic', 'static'] as const)('on device ane gives the bits of cpu, %s weights', async (weights) => {
      const given = { ...options, weights, steps: 2, variant: 'fused,silu=sigmoid,rope=slice,split=1' };
      const expected = await validate(given);
      vi.stubEnv('MAYFLY_ANE_RUNTIME', runtime);
      vi.stubEnv('MAYFLY_EMULATOR_TEMPORARY', join(folder, `staged-${tier}`));
      vi.stubEnv('XDG_CACHE_HOME', join(folder, `cache-${tier}`));
      mkdirSync(join(folder, `staged-${tier}`), { recursive: true });
      expect(await validate({ ...given, pool: { device: 'ane', standby: 0 } })).toEqual(expected);
    });
  });

  test('validation and evaluate have the mask of training', async () => {
    const out = join(folder, 'evaluated');
    const { evaluations } = await validate({ ...options, validation: data, out });
    const given = { model: out, data, tokenizer: 'bytes', window: 32, device: 'cpu' };
    const { crossEntropy, targets } = await evaluate({ ...given, documentMask: true });
    expect(crossEntropy).toBeCloseTo(evaluations.at(-1)!, 5);
    expect(await evaluate(given)).toEqual({ crossEntropy, targets });
    const other = await evaluate({ ...given, documentMask: false });
    expect(targets).toBeLessThan(other.targets);
    expect(Math.abs(crossEntropy - other.crossEntropy)).toBeGreaterThan(1e-3);
  });

  test('data of one document and layers without the mask are errors', async () => {
    const text = join(folder, 'one.txt');
    writeFileSync(text, 'once upon a time '.repeat(20));
    const one = /Expected several documents for --document-mask .*got one/;
    await expect(createTrainer({ ...options, data: text })).rejects.toThrow(one);
    const stream = new TokenArray(new Uint8Array(500), 'here');
    await expect(createTrainer({ ...options, data: stream })).rejects.toThrow(one);
    const layers = { ...decoderLayer, name: 'own' };
    await expect(createTrainer({ ...options, layers })).rejects.toThrow(/Expected documentMask to be layers that are/);
  });
});
