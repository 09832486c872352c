import type { OperationView } from '../program-view.js';
import type { Rule } from './rule.js';

/** Rules on matrix products and attention. */
export const productRules: readonly Rule[] = [
  {
    id: 'matmul-singleton',
    severity: 'compile',
    summary: 'matmul takes [1, h, s, d], not [1, c, 1, s].',
    known: 'A17 Pro',
    sources: ['IOS'],
    grade: 'B',
    *check(program) {
      for (const product of program.named('matmul')) {
        const single = ['x', 'y'].find((name) => isSingletonLayout(product.value(name)?.shape ?? []));
        if (single === undefined) continue;
        yield {
          message: `${single} of ${product.result.name} is [1, c, 1, s]: reshape it to [1, 1, c, s]`,
          at: product,
        };
      }
    },
  },
  {
    id: 'matmul-inner-32',
    severity: 'silent data',
    summary: 'The inner dimension of a matmul is a multiple of 32.',
    known: 'M1 (zeros)',
    sources: ['IMP'],
    grade: 'C',
    contradicted: 'MAD #24 runs stories15m (heads of 48) on M1 Pro',
    *check(program) {
      for (const product of program.named('matmul')) {
        const transposed = product.elements('transpose_x')?.[0] === true;
        const inner = product.value('x')?.shape.at(transposed ? -2 : -1) ?? 32;
        if (inner % 32 !== 0)
          yield { message: `${product.result.name} sums over ${inner}: pad it to a multiple of 32`, at: product };
      }
    },
  },
  {
    id: 'attention-mask',
    severity: 'silent data',
    summary: 'scaled_dot_product_attention ignores attn_mask.',
    known: 'M4, M4 Max, raw MIL',
    sources: ['ORI', 'MAD', 'FSP'],
    grade: 'A',
    *check(program) {
      for (const operation of program.named('scaled_dot_product_attention')) {
        if (!operation.has('attn_mask')) continue;
        yield { message: 'attn_mask has no effect: write matmul, add the mask, softmax, matmul', at: operation };
      }
    },
  },
  {
    id: 'attention-length',
    severity: 'silent data',
    summary: 'scaled_dot_product_attention is right for fewer than 512 queries or keys.',
    known: 'the native layer, M1, M2, M5',
    sources: ['GUIDE', 'FORGE'],
    grade: 'A',
    *check(program) {
      for (const operation of program.named('scaled_dot_product_attention')) {
        const lengths = ['query', 'key'].map((name) => operation.value(name)?.shape.at(-2) ?? 0);
        if (Math.min(...lengths) < 512 && Math.max(...lengths) <= 2048) continue;
        yield {
          message: `attention of ${lengths.join(' × ')}: split the queries, or write it with matmul`,
          at: operation,
        };
      }
    },
  },
  {
    id: 'matmul-contraction',
    severity: 'performance',
    summary: 'A matmul sums over 2048 values at most: longer sums are faster in parts.',
    known: 'M3 Ultra (2.7 to 5.1 times in 4 to 8 parts)',
    sources: ['H3'],
    grade: 'B',
    *check(program) {
      for (const product of program.named('matmul')) {
        const transposed = product.elements('transpose_x')?.[0] === true;
        const inner = product.value('x')?.shape.at(transposed ? -2 : -1) ?? 0;
        if (inner > 2048) yield { message: `${product.result.name} sums over ${inner}: split the sum`, at: product };
      }
    },
  },
  {
    id: 'reduction-with-matmul',
    severity: 'evaluate',
    summary: 'A reduction over channels and a matmul are not in one program.',
    known: 'M4 Pro (0x1d at all sizes)',
    sources: ['NE'],
    grade: 'B',
    contradicted: 'the static kernels of MAD, NF and ORI normalize before attention in one program',
    *check(program) {
      const [product] = program.named('matmul');
      const reduction = [...program.named('reduce_sum', 'reduce_mean')].find(overChannels);
      if (product === undefined || reduction === undefined) return;
      yield {
        message: `${reduction.result.name} is reduced beside matmul ${product.result.name}: if this fails, reduce on the host`,
        at: reduction,
      };
    },
  },
  {
    id: 'reduction-1024',
    severity: 'evaluate',
    summary: 'A reduction beside convolutions or matmuls is over fewer than 1024 channels.',
    known: 'M4 Pro (0x1d)',
    sources: ['NE'],
    grade: 'B',
    contradicted: 'T24 (M5 Max) sums 6144 channels',
    *check(program) {
      const [product] = program.named('matmul', 'conv');
      if (product === undefined) return;
      for (const reduction of program.named('reduce_sum', 'reduce_mean')) {
        const channels = reduction.value('x')?.shape[1] ?? 0;
        if (!overChannels(reduction) || channels < 1024) continue;
        yield { message: `${reduction.result.name} is over ${channels} channels: reduce on the host`, at: reduction };
      }
    },
  },
  {
    id: 'attention-backward-whole',
    severity: 'compile',
    summary: 'The backward pass of attention is not one program with its softmax and a concat ("cycle path").',
    known: 'M4, M4 Pro (neither shows the program that failed)',
    sources: ['FSP', 'NE'],
    grade: 'C',
    *check(program) {
      const [concat] = program.named('concat');
      if (concat === undefined) return;
      for (const softmax of program.named('softmax')) {
        const products = program.consumers(softmax.result.name).filter(({ operation }) => operation === 'mul');
        if (products.length < 2) continue;
        yield {
          message: `${softmax.result.name} is differentiated here: if this fails, take the probabilities as an input`,
          at: softmax,
        };
      }
    },
  },
];

const overChannels = (reduction: OperationView): boolean =>
  reduction.value('x')?.shape.length === 4 && reduction.numbers('axes').includes(1);

const isSingletonLayout = (shape: readonly number[]): boolean =>
  shape.length === 4 && shape[0] === 1 && shape[1]! > 1 && shape[2] === 1;
