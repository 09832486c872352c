import {
  countParameters,
  initializeParameters,
  type ModelConfig,
  ParameterLayout,
  presets,
  validateConfig,
} from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

describe('presets', () => {
  test.each([
    ['tiny', presets.tiny, 115_008],
    ['stories260k', presets.stories260k, 260_032],
    ['stories15m', presets.stories15m, 15_191_712],
    ['stories110m', presets.stories110m, 109_529_856],
    ['smollm2-135m', presets['smollm2-135m'], 134_515_008],
    ['qwen2.5-0.5b', presets['qwen2.5-0.5b'], 494_032_768],
    ['qwen3-0.6b', presets['qwen3-0.6b'], 596_049_920],
    ['llama-3.2-1b', presets['llama-3.2-1b'], 1_235_814_400],
    ['llama-2-7b', presets['llama-2-7b'], 6_738_415_616],
    ['mistral-7b', presets['mistral-7b'], 7_241_732_096],
  ])('%s has its published number of parameters', (_, config, count) => {
    expect(validateConfig(config)).toBe(config);
    expect(new ParameterLayout(config).count).toBe(count);
    expect(countParameters(config)).toBe(count);
  });

  test('an untied head is counted and laid out last', () => {
    const config = { ...presets.tiny, tiedHead: false };
    const layout = new ParameterLayout(config);
    expect(layout.count).toBe(countParameters(presets.tiny) + config.vocab * config.dim);
    expect(countParameters(config)).toBe(layout.count);
    expect(layout.entries.at(-1)).toMatchObject({ name: 'head', shape: [config.vocab, config.dim] });
  });
});

const options = { attentionBias: true, outputBias: true, mlpBias: true, qkNorm: true } as const;
const yarn = {
  type: 'yarn',
  ...{ factor: 4, originalSequence: 32, betaFast: 32, betaSlow: 1, truncate: true },
  attentionFactor: 1.1,
} as const;

describe('options of a model', () => {
  test.each([{}, ...Object.keys(options).map((name) => ({ [name]: true })), options])(
    'are counted as they are laid out: %j',
    (some) => {
      const config = { ...presets.tiny, headDim: 20, ...some };
      expect(new ParameterLayout(validateConfig(config)).count).toBe(countParameters(config));
    },
  );

  test('biases begin with 0, norms with 1, and neither decays', async () => {
    const layout = new ParameterLayout({ ...presets.tiny, ...options });
    const values = new Float32Array(layout.count);
    await initializeParameters(layout, values, 1);
    const vectors = layout.entries.filter(({ name }) => /^b|Norm$/.test(name));
    expect(vectors.map(({ name }) => name)).toEqual(
      [
        ...Array(2).fill([
          'attentionNorm',
          'bq',
          'bk',
          'bv',
          'qNorm',
          'kNorm',
          'bo',
          'feedForwardNorm',
          'b1',
          'b2',
          'b3',
        ]),
        'finalNorm',
      ].flat(),
    );
    for (const { name, offset, count, decay } of vectors) {
      expect(new Set(values.subarray(offset, offset + count)), name).toEqual(new Set([name.endsWith('Norm') ? 1 : 0]));
      expect(decay, name).toBe(false);
    }
  });
});

describe('validateConfig', () => {
  test('takes every option, and leaves absent ones absent', () => {
    const config = { ...presets.tiny, ...options, slidingWindow: 8, ropeScaling: yarn };
    expect(validateConfig(config)).toBe(config);
  });

  test.each([
    [{ heads: 6, kvHeads: 4 }, 'Expected heads to be a multiple of kvHeads 4, got 6'],
    [{ dim: 0 }, 'Expected dim to be a whole number from 1 to 1048576, got 0'],
    [{ hidden: 1.5 }, 'Expected hidden to be a whole number from 1 to 4194304, got 1.5'],
    [{ layers: -1 }, 'Expected layers to be a whole number from 1 to 16384, got -1'],
    [{ layers: 1e9 }, 'Expected layers to be a whole number from 1 to 16384, got 1000000000'],
    [{ kvHeads: 0 }, 'Expected kvHeads to be a whole number from 1 to 16384, got 0'],
    [{ vocab: Number.NaN }, 'Expected vocab to be a whole number from 1 to 16777216, got NaN'],
    [{ vocab: 2 ** 31 }, 'Expected vocab to be a whole number from 1 to 16777216, got 2147483648'],
    [
      { sequence: undefined as unknown as number },
      'Expected sequence to be a whole number from 1 to 1073741824, got none',
    ],
    [
      { dim: 2 ** 20, hidden: 2 ** 22, layers: 2 ** 14 },
      'Expected layers to be so few that there are at most 1099511627776 parameters (here 216176115277889540), got 16384',
    ],
    [{ headDim: 7 }, 'Expected headDim to be even, since RoPE rotates pairs, got 7'],
    [{ eps: 0 }, 'Expected eps to be a number above 0, got 0'],
    [{ ropeBase: Number.POSITIVE_INFINITY }, 'Expected ropeBase to be a number above 0, got Infinity'],
    [{ ropePairing: 'both' as 'half' }, 'Expected ropePairing to be interleaved or half, got "both"'],
    [{ tiedHead: 1 as unknown as boolean }, 'Expected tiedHead to be true or false, got 1'],
    [{ qkNorm: 'yes' as unknown as boolean }, 'Expected qkNorm to be true or false, got "yes"'],
    [{ slidingWindow: 0 }, 'Expected slidingWindow to be a whole number from 1 to 1073741824, got 0'],
    [
      { ropeScaling: { type: 'longrope' } as never },
      'Expected ropeScaling to be a scaling of type linear, dynamic, llama3 or yarn, got {"type":"longrope"}',
    ],
    [
      { ropeScaling: { type: 'linear', factor: 0.5, originalSequence: 8 } },
      'Expected ropeScaling.factor to be a number of at least 1, got 0.5',
    ],
    [{ ropeScaling: { ...yarn, truncate: 1 as never } }, 'Expected ropeScaling.truncate to be true or false, got 1'],
    [
      { ropeScaling: { type: 'linear', factor: 2, originalSequence: 8, beta: 1 } as never },
      'Expected fields of linear RoPE (factor, originalSequence), got ropeScaling.beta',
    ],
    [
      {
        ropeScaling: {
          ...{ type: 'llama3', factor: 8, originalSequence: 8 },
          ...{ lowFrequencyFactor: 4, highFrequencyFactor: 4 },
        },
      },
      'Expected ropeScaling.highFrequencyFactor to be above the low one, 4, got 4',
    ],
    [
      { headDim: 2, ropeScaling: { type: 'dynamic', factor: 2, originalSequence: 8 } },
      'Expected headDim to be above 2 with dynamic RoPE, whose base has the power headDim / (headDim − 2), got 2',
    ],
    [{ ropeTheta: 1 } as never, /^Expected fields of a model's shape \(dim, .*, qkNorm\), got ropeTheta$/],
  ])('%j', (change, message) => {
    expect(() => validateConfig({ ...presets.tiny, ...change } as ModelConfig)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG',
        message: typeof message === 'string' ? message : expect.stringMatching(message),
      }),
    );
  });
});
