import { addon } from '@mayfly/native';
import { describe, expect, test } from 'vitest';
import { arena, compileError, program } from '../../fixtures/mil-compile.js';
import { random } from '../../fixtures/mil-damage.js';

const device = addon.openDevice('cpu', arena);
const MAX_BYTES = 16 * 2 ** 30;

describe('what a program needs is refused with the amount', () => {
  const conv = (x: string, w: string, y: string, pads: string, dtype = 'fp16') =>
    program(
      `tensor<${dtype}, ${y}> y = conv(x = x, weight = w, pad_type = "custom", pad = ${pads}, strides = [1, 1], dilations = [1, 1], groups = 1);`,
      `tensor<${dtype}, ${x}> x, tensor<${dtype}, ${w}> w`,
    );

  test.each([
    // 2^32 weights at 2^31 windows: 2^63 elements, 0 bytes where the product wraps.
    [
      'windows of 2^63 elements',
      conv('[1, 65536, 1, 1]', '[1, 65536, 256, 256]', '[1, 1, 32768, 65536]', '[16511, 16511, 32895, 32895]'),
      '2^63 or more',
    ],
    [
      'windows of 2^62 elements',
      conv('[1, 65536, 1, 1]', '[1, 65536, 256, 256]', '[1, 1, 32768, 32768]', '[16511, 16511, 16511, 16511]'),
      '2^63 or more',
    ],
    [
      'windows of 2^61 elements',
      conv('[1, 65536, 1, 1]', '[1, 65536, 256, 256]', '[1, 1, 32768, 16384]', '[16511, 16511, 8319, 8319]'),
      String(2n ** 62n),
    ],
    [
      'windows of 32 GiB',
      conv('[1, 256, 1, 1]', '[1, 256, 8, 8]', '[1, 1, 1024, 1024]', '[515, 515, 515, 515]'),
      String(2n ** 35n),
    ],
  ])('%s', (_, text, bytes) => {
    const error = compileError(text);
    expect(error.code).toBe('ERR_MIL_UNSUPPORTED');
    expect(error.message).toContain(`needs at most ${MAX_BYTES} bytes of scratch memory, got one that needs ${bytes}`);
  });

  test.each([
    ['a parameter', program('', 'tensor<fp16, [4294967296, 4294967296]> x', 'x'), 'ERR_MIL_SYNTAX'],
    ['a parameter that wraps to nothing', program('', `tensor<fp16, [${2n ** 63n}, 2]> x`, 'x'), 'ERR_MIL_SYNTAX'],
    [
      'a tile',
      program(
        'tensor<fp16, [1, 8]> y = tile(x = x, reps = [2147483647, 2147483647]);',
        'tensor<fp16, [2147483647, 2]> x',
      ),
      'ERR_MIL_TYPE',
    ],
    [
      'a product',
      program('tensor<fp16, [1, 8]> y = matmul(x = x, y = x, transpose_y = true);', 'tensor<fp16, [2147483648, 1]> x'),
      'ERR_MIL_TYPE',
    ],
    [
      'a reshape',
      program(
        'tensor<fp16, [1, 8]> y = reshape(x = x, shape = [2147483647, 2147483647, 2147483647, 2147483647, -1]);',
        'tensor<fp16, [2147483647, 2]> x',
      ),
      'ERR_MIL_TYPE',
    ],
  ])('%s of too many elements', (_, text, code) => {
    expect(compileError(text).code).toBe(code);
  });

  test('a slice whose stride reaches beyond the tensor', () => {
    const info = device.compile(
      program(
        'tensor<fp16, [1, 4294967296]> y = slice_by_index(x = x, begin = [0, 0], end = [1, 1], end_mask = [false, true], stride = [2147483647, 1]);',
        'tensor<fp16, [1, 4294967296]> x',
      ),
      [],
    );
    expect(info.outputs[0]).toMatchObject({ shape: [1, 2 ** 32], bytes: 2 ** 33 });
    device.unload(info.program);
  });
});

const ROUNDS = 3000;

test(`${ROUNDS} operations of huge and odd sizes are refused by name, or need what they say`, () => {
  const below = random(20_261_128);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)]!;
  const sizes = [1, 2, 3, 7, 255, 256, 4096, 65_535, 65_536, 2 ** 20, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32];
  const integers = [0, 1, -1, 2, 3, 4096, 65_536, 2 ** 24, 2 ** 31 - 1, -(2 ** 31)];
  const lists = (length: number, from: readonly number[]) => Array.from({ length }, () => pick(from));
  const text = (values: readonly (number | boolean)[]) => `[${values.join(', ')}]`;
  const count = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
  const shape = (rank: number) => Array.from({ length: rank }, () => pick(below(3) ? sizes.slice(0, 5) : sizes));

  /** Shapes of x and w, an operation on them, and the shape that it may have. */
  function draw(): [x: number[], w: number[], operation: string, result: number[]] {
    const rank = 1 + below(5);
    const x = shape(rank);
    const w = below(2) ? shape(rank) : x.map((size) => (below(3) ? size : 1));
    const axis = below(rank);
    switch (below(12)) {
      case 0:
        return [x, w, 'add(x = x, y = w)', x.map((size, i) => Math.max(size, w[i]!))];
      case 1:
        return [x, w, `matmul(x = x, y = w, transpose_y = ${below(2) === 1})`, [...x.slice(0, -1), w.at(-1)!]];
      case 2: {
        const reps = lists(rank, [1, 1, 2, 65_536, 2 ** 31 - 1]);
        return [x, w, `tile(x = x, reps = ${text(reps)})`, x.map((size, i) => size * reps[i]!)];
      }
      case 3:
        return [x, w, `reshape(x = x, shape = ${text(lists(1 + below(4), integers))})`, [count(x)]];
      case 4:
        return [x, w, `transpose(x = x, perm = ${text(x.map((_, i) => rank - 1 - i))})`, x.toReversed()];
      case 5: {
        const whole = x.map((size, i) => (i === axis ? 3 * size : size));
        return [x, w, `concat(values = (x, x, x), axis = ${axis}, interleave = ${below(2) === 1})`, whole];
      }
      case 6: {
        const bounds = ['begin', 'end', 'stride'].map((name) => `${name} = ${text(lists(rank, integers))}`);
        return [x, w, `slice_by_index(x = x, ${bounds.join(', ')}, end_mask = ${text(x.map(() => true))})`, x];
      }
      case 7:
        return [x, w, `reduce_sum(x = x, axes = [${axis}], keep_dims = true)`, x.map((n, i) => (i === axis ? 1 : n))];
      case 8:
        return [x, w, 'softmax(x = x, axis = -1)', x];
      default: {
        // Windows, which no type bounds: channels times taps times places.
        const channels = pick([1, 16, 4096, 65_536, 2 ** 24]);
        const taps = lists(2, [1, 2, 3, 256, 4096]);
        const pads = lists(4, [0, 1, 255, 16_511, 65_536]);
        const strides = lists(2, [1, 1, 3, 2 ** 24]);
        const out = taps.map((size, i) => Math.floor((pads[2 * i]! + pads[2 * i + 1]! + 1 - size) / strides[i]!) + 1);
        const lengths = `pad = ${text(pads)}, strides = ${text(strides)}, dilations = [1, 1], groups = 1`;
        const conv = `conv(x = x, weight = w, pad_type = "custom", ${lengths})`;
        return [[1, channels, 1, 1], [1, channels, ...taps], conv, [1, 1, ...out]];
      }
    }
  }

  const outcomes = new Map<string, number>();
  const note = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  for (let round = 0; round < ROUNDS; round++) {
    const [x, w, operation, result] = draw();
    const type = (dims: readonly number[]) => `tensor<fp16, ${text(dims)}>`;
    const source = program(
      `${type(result)} z = ${operation};\n${type(result)} y = relu(x = z);`,
      `${type(x)} x, ${type(w)} w`,
    );
    try {
      const info = device.compile(source, []);
      expect(info.residentBytes, source).toBeLessThanOrEqual(MAX_BYTES);
      for (const port of [...info.inputs, ...info.outputs]) expect(port.bytes, source).toBe(2 * count(port.shape));
      // Its scratch memory holds every window.
      if (operation.startsWith('conv') && count(w.slice(2)) > 1) {
        expect(info.residentBytes, source).toBeGreaterThanOrEqual(2 * count(w) * count(result));
      }
      device.unload(info.program);
      note('compiled');
    } catch (error) {
      const { code } = error as { code?: string };
      expect(code, `${error}\n${source}`).toMatch(/^ERR_MIL_(SYNTAX|TYPE|UNSUPPORTED)$/);
      note(code!);
    }
  }
  for (const outcome of ['compiled', 'ERR_MIL_SYNTAX', 'ERR_MIL_TYPE', 'ERR_MIL_UNSUPPORTED']) {
    expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(10);
  }
});
