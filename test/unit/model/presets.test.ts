import { countParameters, ParameterLayout, presets, validateConfig } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

describe('presets', () => {
  test.each([
    ['tiny', presets.tiny, 115_008],
    ['stories260k', presets.stories260k, 260_032],
    ['stories15m', presets.stories15m, 15_191_712],
    ['stories110m', presets.stories110m, 109_529_856],
    ['qwen3-0.6b', presets['qwen3-0.6b'], 596_042_752],
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

describe('validateConfig', () => {
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
  ])('%j', (change, message) => {
    expect(() => validateConfig({ ...presets.tiny, ...change })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG', message }),
    );
  });
});
