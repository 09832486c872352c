import { addon, type HostMath } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { MathArena } from '../../fixtures/math-arena.js';

const bytes = 1 << 16;
const memory = new MathArena(bytes);
afterAll(() => memory.close());

type OptionsCall = {
  [K in keyof HostMath]: HostMath[K] extends (arena: never, o: infer O) => unknown
    ? O extends readonly unknown[]
      ? never
      : K
    : never;
}[keyof HostMath];

// Calls that are right, and the tensors of each: an offset past the end must be an error for every one.
const calls: Record<Exclude<OptionsCall, 'setThreads'>, { options: Record<string, unknown>; tensors: string[] }> = {
  embed: {
    options: { table: 0, tokens: 4096, out: 8192, vocab: 8, dim: 4, columns: 4 },
    tensors: ['table', 'tokens', 'out'],
  },
  embedBackward: {
    options: { gradient: 0, tokens: 4096, tableGradient: 8192, vocab: 8, dim: 4, columns: 4 },
    tensors: ['gradient', 'tokens', 'tableGradient'],
  },
  residualNorm: {
    options: {
      x: 0,
      addend: 1024,
      addendStride: 4,
      sum: 2048,
      weight: 3072,
      out: 4096,
      outType: 'fp16',
      outStride: 4,
      eps: 1e-5,
      dim: 4,
      columns: 4,
    },
    tensors: ['x', 'addend', 'sum', 'weight', 'out'],
  },
  normBackward: {
    options: {
      ...{
        x: 0,
        xType: 'fp16',
        xStride: 4,
        weight: 1024,
        dOut: 2048,
        dOutType: 'fp32',
        dOutStride: 4,
        dx: 3072,
        dWeight: 4096,
      },
      ...{ out: 5120, outStride: 4, eps: 1e-5, dim: 4, columns: 4 },
    },
    tensors: ['x', 'weight', 'dOut', 'dx', 'dWeight', 'out'],
  },
  crossEntropy: {
    options: {
      ...{ x: 0, table: 1024, targets: 2048, dx: 3072, dTable: 4096, logSumExp: 5120 },
      ...{ vocab: 8, dim: 4, columns: 4 },
    },
    tensors: ['x', 'table', 'targets', 'dx', 'dTable', 'logSumExp'],
  },
  softmaxChunk: {
    options: {
      ...{ logits: 0, partials: 2048, targets: 16_384, vocab: 8, columns: 4 },
      ...{ first: 4, rows: 4, from: 3072, fromStride: 4 },
    },
    tensors: ['logits', 'partials', 'targets', 'from'],
  },
  softmaxLoss: {
    options: { logits: 0, partials: 2048, targets: 16_384, vocab: 8, columns: 4 },
    tensors: ['logits', 'partials', 'targets'],
  },
  softmaxGradient: {
    options: {
      ...{ logits: 0, partials: 2048, targets: 16_384, vocab: 8, columns: 4 },
      ...{ first: 4, rows: 4, to: 3072, toStride: 4 },
    },
    tensors: ['logits', 'partials', 'targets', 'to'],
  },
  gemm: {
    options: {
      ...{ m: 4, n: 4, k: 4, a: 0, aType: 'fp16', aStride: 4, b: 1024, bType: 'fp32', bStride: 4 },
      ...{ c: 2048, cType: 'fp16', cStride: 4, aTransposed: true, beta: 1 },
    },
    tensors: ['a', 'b', 'c'],
  },
  logits: {
    options: { x: 0, column: 1, columns: 4, table: 1024, out: 2048, vocab: 8, dim: 4 },
    tensors: ['x', 'table', 'out'],
  },
  rope: {
    options: { x: 0, heads: 2, headDim: 4, columns: 4, sequence: 4, base: 10_000, pairing: 'half', inverse: false },
    tensors: ['x'],
  },
  adamw: {
    options: {
      weights: 0,
      gradients: 1024,
      m: 2048,
      v: 3072,
      count: 8,
      lr: 1,
      beta1: 0.9,
      beta2: 0.9,
      eps: 1e-8,
      weightDecay: 0,
      step: 1,
      gradientScale: 1,
    },
    tensors: ['weights', 'gradients', 'm', 'v'],
  },
  muon: {
    options: {
      weights: 0,
      gradients: 1024,
      m: 2048,
      rows: 2,
      columns: 4,
      lr: 1,
      momentum: 0.9,
      weightDecay: 0,
      scale: 1,
      gradientScale: 1,
    },
    tensors: ['weights', 'gradients', 'm'],
  },
  toHalf: { options: { from: 0, fromStride: 4, to: 1024, toStride: 4, rows: 4, columns: 4 }, tensors: ['from', 'to'] },
  toFloat: { options: { from: 0, fromStride: 4, to: 1024, toStride: 4, rows: 4, columns: 4 }, tensors: ['from', 'to'] },
  addHalf: { options: { from: 0, fromStride: 4, to: 1024, toStride: 4, rows: 4, columns: 4 }, tensors: ['from', 'to'] },
  copyRows: {
    options: { from: 0, fromStride: 4, to: 1024, toStride: 4, rows: 4, rowBytes: 4 },
    tensors: ['from', 'to'],
  },
};

const names = Object.keys(calls) as (keyof typeof calls)[];

function call(name: keyof typeof calls, options: unknown, arena: unknown = memory.arena): void {
  (addon.math[name] as (arena: unknown, options: unknown) => unknown)(arena, options);
}

function code(run: () => void): string {
  try {
    run();
  } catch (error) {
    return String((error as { code?: string }).code);
  }
  return 'none';
}

describe.each(names)('%s', (name) => {
  const { options, tensors } = calls[name];

  test('accepts what is right', () => call(name, options));

  test.each(tensors)('refuses %s outside the arena', (tensor) => {
    expect(code(() => call(name, { ...options, [tensor]: bytes }))).toBe('ERR_ARENA_BOUNDS');
    expect(code(() => call(name, { ...options, [tensor]: bytes - 8 }))).toBe('ERR_ARENA_BOUNDS');
    expect(code(() => call(name, { ...options, [tensor]: Number.MAX_SAFE_INTEGER - 7 }))).toMatch(
      /ERR_ARENA_BOUNDS|ERR_INVALID_ARGUMENT/,
    );
  });

  test.each(tensors)('refuses %s that is no offset', (tensor) => {
    for (const value of [-4, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, '0', null, {}, 4n]) {
      expect(code(() => call(name, { ...options, [tensor]: value }))).toBe('ERR_INVALID_ARGUMENT');
    }
  });

  test('refuses numbers out of range', () => {
    for (const key of Object.keys(options).filter(
      (key) => typeof options[key] === 'number' && !tensors.includes(key),
    )) {
      for (const value of [Number.NaN, '1', null, Number.POSITIVE_INFINITY]) {
        expect(
          code(() => call(name, { ...options, [key]: value })),
          `${key} = ${value}`,
        ).toBe('ERR_INVALID_ARGUMENT');
      }
    }
  });

  test('refuses dimensions whose product overflows', () => {
    const large = Object.fromEntries(
      Object.keys(options)
        .filter((key) => /dim|columns|rows|vocab|heads|Stride|count|Bytes/i.test(key))
        .map((key) => [key, 2 ** 30]),
    );
    expect(code(() => call(name, { ...options, ...large }))).toBe('ERR_ARENA_BOUNDS');
  });

  test('refuses other things than options and arenas', () => {
    expect(code(() => call(name, undefined))).toBe('ERR_INVALID_ARGUMENT');
    expect(code(() => call(name, options, {}))).toBe('ERR_INVALID_ARGUMENT');
    expect(code(() => call(name, options, null))).toBe('ERR_INVALID_ARGUMENT');
  });
});

test('messages name the argument, what was expected and what came', () => {
  expect(() => call('embed', { ...calls.embed.options, dim: 0 })).toThrow(
    'Expected dim to be a whole number from 1 up, got 0 (number)',
  );
  expect(() => call('embed', { ...calls.embed.options, dim: 'x' })).toThrow(
    'Expected dim to be a whole number from 1 up, got `x` (string)',
  );
  expect(() => call('embed', { ...calls.embed.options, table: 2 })).toThrow(
    'Expected table to be a multiple of 4, got 2 (number)',
  );
  expect(() => call('toHalf', { ...calls.toHalf.options, toStride: 3 })).toThrow(
    'Expected toStride to be a whole number from 4 up, got 3 (number)',
  );
  expect(() => call('rope', { ...calls.rope.options, pairing: 'both' })).toThrow(
    "Expected pairing to be 'interleaved' or 'half', got `both` (string)",
  );
  expect(() => call('rope', { ...calls.rope.options, headDim: 5 })).toThrow('Expected headDim to be even, got 5');
  expect(() => call('softmaxChunk', { ...calls.softmaxChunk.options, rows: 9 })).toThrow(
    'Expected rows to be at most 8, got 9',
  );
  expect(() => call('softmaxGradient', { ...calls.softmaxGradient.options, first: 5 })).toThrow(
    'Expected first to be a whole number from 0 to 4, got 5 (number)',
  );
  expect(() => call('adamw', { ...calls.adamw.options, beta1: 1 })).toThrow(
    'Expected beta1 to be a number from 0 to below 1, got 1 (number)',
  );
  expect(() => call('residualNorm', { ...calls.residualNorm.options, eps: 0 })).toThrow(
    'Expected eps to be a number above 0, got 0 (number)',
  );
  expect(() => addon.math.setThreads(0)).toThrow('Expected count to be a whole number from 1 to 1024, got 0 (number)');
});

test('an option that answers differently each time cannot escape the check', () => {
  let reads = 0;
  const options = {
    ...calls.toFloat.options,
    get fromStride() {
      return reads++ === 0 ? 4 : 2 ** 20;
    },
  };
  call('toFloat', options);
  expect(reads).toBe(1);
});

test('outer products are all checked before the first runs', () => {
  const good = {
    a: 0,
    aType: 'fp32',
    aStride: 4,
    b: 1024,
    bType: 'fp32',
    bStride: 4,
    c: 2048,
    m: 2,
    n: 2,
    k: 4,
  } as const;
  const view = memory.arena.view(0, 4096);
  const floats = new Float32Array(view.buffer, view.byteOffset, 1024).fill(1);
  for (const bad of [
    { c: bytes },
    { a: bytes },
    { b: bytes - 8 },
    { k: 2 ** 30, aStride: 2 ** 30, bStride: 2 ** 30 },
  ]) {
    expect(code(() => addon.math.outerProducts(memory.arena, [good, { ...good, ...bad }]))).toBe('ERR_ARENA_BOUNDS');
  }
  expect(code(() => addon.math.outerProducts(memory.arena, [good, { ...good, aStride: 3 }]))).toBe(
    'ERR_INVALID_ARGUMENT',
  );
  expect(floats[512]).toBe(1);
  addon.math.outerProducts(memory.arena, [good]);
  expect(floats[512]).toBe(5);
});

test('flat ranges are checked', () => {
  expect(code(() => addon.math.sumOfSquares(memory.arena, bytes - 4, 2))).toBe('ERR_ARENA_BOUNDS');
  expect(code(() => addon.math.sumOfSquares(memory.arena, 0, 2 ** 50))).toBe('ERR_ARENA_BOUNDS');
  expect(code(() => addon.math.sumOfSquares(memory.arena, 0, -1))).toBe('ERR_INVALID_ARGUMENT');
  expect(code(() => addon.math.zero(memory.arena, bytes, 1))).toBe('ERR_ARENA_BOUNDS');
  expect(code(() => addon.math.zero(memory.arena, 0.5, 1))).toBe('ERR_INVALID_ARGUMENT');
  expect(code(() => addon.math.add(memory.arena, [bytes - 4], 0, 2))).toBe('ERR_ARENA_BOUNDS');
  expect(code(() => addon.math.add(memory.arena, [0], bytes - 4, 2))).toBe('ERR_ARENA_BOUNDS');
});
