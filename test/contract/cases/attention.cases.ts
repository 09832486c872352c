import { type OpCase, opCase } from '../op-case.js';
import { attention } from '../reference-ops.js';
import { random, type Tensor, tensor } from '../tensor.js';

interface Shapes {
  readonly query: number[];
  readonly key: number[];
  readonly value: number[];
}

const shapes: readonly Shapes[] = [
  { query: [1, 3, 17, 64], key: [1, 3, 17, 64], value: [1, 3, 17, 64] },
  { query: [2, 2, 5, 48], key: [2, 2, 9, 48], value: [2, 2, 9, 7] },
  { query: [4, 8, 16], key: [4, 8, 16], value: [4, 8, 16] },
];

/** 0 up to the diagonal, −65504 beyond: as trainers write it. */
const causal = (size: number, shape: readonly number[]): Tensor =>
  tensor(
    'fp16',
    shape,
    Array.from({ length: size * size }, (_, i) => (i % size <= Math.floor(i / size) ? 0 : -65504)),
  );

function attentionCase(
  name: string,
  { query, key, value }: Shapes,
  dtype: 'fp16' | 'fp32',
  mask?: Tensor,
  form: 'input' | 'blob' | 'constant' = 'input',
): OpCase {
  return opCase(
    `scaled_dot_product_attention of ${JSON.stringify(query)} ${dtype}${name}`,
    (p) => {
      const [q, k, v] = [random(1, dtype, query, 2), random(2, dtype, key, 2), random(3, dtype, value, 1)];
      const expected = attention(q, k, v, mask);
      const args = {
        query: p.input(q),
        key: p.input(k),
        value: p.input(v),
        ...(mask === undefined ? {} : { attn_mask: p[form](mask) }),
      };
      return [[p.op('scaled_dot_product_attention', args, { ...expected, dtype }), { ...expected, dtype }]];
    },
    // Scores and probabilities are stored in the type of the operands.
    { tolerance: dtype === 'fp16' ? 4e-3 : 4e-6 },
  );
}

export const attentionCases: readonly OpCase[] = [
  ...shapes.flatMap((each) => [attentionCase('', each, 'fp16'), attentionCase('', each, 'fp32')]),
  attentionCase(' with a causal mask', shapes[0] as Shapes, 'fp16', causal(17, [1, 1, 17, 17]), 'blob'),
  attentionCase(' with a causal mask in the text', shapes[2] as Shapes, 'fp16', causal(8, [8, 8]), 'constant'),
  attentionCase(' with a mask as an input', shapes[1] as Shapes, 'fp32', random(4, 'fp16', [2, 1, 5, 9], 3)),
  attentionCase(' with a row as mask', shapes[1] as Shapes, 'fp16', random(5, 'fp32', [9], 3)),
  attentionCase(
    ' with a bool mask',
    shapes[1] as Shapes,
    'fp16',
    tensor(
      'bool',
      [5, 9],
      Array.from({ length: 45 }, (_, i) => Number(i % 9 <= Math.floor(i / 9) + 2)),
    ),
  ),
  opCase('scaled_dot_product_attention of products beyond the range of fp16', (p) => {
    const q = tensor('fp16', [1, 1, 64], Array<number>(64).fill(40));
    const k = tensor('fp16', [1, 2, 64], [...Array<number>(64).fill(40), ...Array<number>(64).fill(39.9)]);
    const v = tensor('fp16', [1, 2, 1], [1, -1]);
    const expected = { ...attention(q, k, v), dtype: 'fp16' as const };
    const args = { query: p.input(q), key: p.input(k), value: p.input(v) };
    return [[p.op('scaled_dot_product_attention', args, expected), expected]];
  }),
];
