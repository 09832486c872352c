import { lint, loadProfile } from '@mayfly/core/chips';
import { checkLayer, decoderLayer, decoderLayerOf, type LayerDefinition } from '@mayfly/core/layers';
import { blockFlow, gradientPrograms, type ModelConfig, presets } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

const programsOf = (layer: LayerDefinition, config: ModelConfig, columns: number) =>
  layer.blocks.map((block) => ({
    block: block.name,
    parameters: layer.parameters(config),
    programs: gradientPrograms(blockFlow(block).parameters, layer.parameters(config), columns),
  }));

const llama7b: ModelConfig = {
  ...presets.stories110m,
  dim: 4096,
  hidden: 11_008,
  heads: 32,
  kvHeads: 32,
  headDim: 128,
};

describe.each<[name: string, config: ModelConfig, columns: number, chip: string, counts: number[]]>([
  ['stories110m', presets.stories110m, 256, 'm4', [1, 1]],
  ['qwen3-0.6b', presets['qwen3-0.6b'], 256, 'm4-pro', [1, 1]],
  ['stories15m with long passes', presets.stories15m, 4096, 'm4', [1, 1]],
  ['a model of 7 billion parameters', llama7b, 512, 'm1', [2, 6]],
])('the programs of %s', (_, config, columns, chip, counts) => {
  const blocks = programsOf(decoderLayerOf(config), config, columns);

  test('break no rule of the chip', () => {
    expect(blocks.map(({ programs }) => programs.length)).toEqual(counts);
    for (const { program } of blocks.flatMap(({ programs }) => programs)) {
      const broken = lint(program.text, loadProfile(chip)).filter(({ level }) => level === 'error');
      expect(broken.map(({ rule, message }) => `${rule}: ${message}`)).toEqual([]);
      for (const { shape } of [...program.inputs, ...program.outputs]) expect(shape[1]).toBeLessThanOrEqual(16_384);
    }
  });

  test('make each row of each matrix once', () => {
    for (const { programs, parameters, block } of blocks) {
      const made: Record<string, number> = {};
      for (const { gradients, output } of programs) {
        for (const { parameter, slot } of gradients) {
          const { rows, columns: width } = output.slots[slot]!;
          made[parameter] = (made[parameter] ?? 0) + rows * width;
        }
      }
      const flow = blockFlow(decoderLayerOf(config).blocks.find(({ name }) => name === block)!);
      const matrices = flow.parameters.filter(({ x }) => x !== undefined).map(({ parameter }) => parameter);
      const sizes = matrices.map((name) => [name, parameters[name]!.shape.reduce((a, b) => a * b, 1)]);
      expect(made).toEqual(Object.fromEntries(sizes));
    }
  });
});

const onDevice = { weightGradients: { attention: 'device', feedForward: 'device' } } as const;

describe('gradients that kernels make are those of finite differences', () => {
  test.each([
    ['a layer of Llama', decoderLayer, {}],
    ['one with biases and norms of heads', decoderLayerOf({ attentionBias: true, mlpBias: true, qkNorm: true }), {}],
    ['one with queries wider than the model', decoderLayer, { dim: 48, headDim: 16, hidden: 64 }],
    ['sums in two parts', decoderLayer, { batch: 4, sequence: 8 }],
  ] as const)('of %s', async (what, layer, shape) => {
    const form = { ...onDevice, ...(what === 'sums in two parts' && { split: 2 as const }) };
    const { error } = await checkLayer(layer, { form, shape });
    expect(error).toBeLessThan(0.02);
  });

  test('and not those of the host, which rounds less', async () => {
    const [host, device] = [await checkLayer(decoderLayer), await checkLayer(decoderLayer, { form: onDevice })];
    expect(device.dynamic.w1).not.toBe(host.dynamic.w1);
    expect(device.dynamic.y).toBe(host.dynamic.y);
  });
});
