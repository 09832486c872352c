import type { OperationView, ProgramView } from '../program-view.js';
import type { Rule, Violation } from './rule.js';

/** Rules on which operations there are, and with which arguments. */
export const operationRules: readonly Rule[] = [
  {
    id: 'no-lowering',
    severity: 'compile',
    summary: 'The operation has a form for the engine.',
    known: 'all',
    sources: ['GUIDE', 'FORGE'],
    grade: 'A',
    *check(program) {
      for (const operation of program.operations) {
        const { operation: name } = operation;
        if (!noLowering.has(name) && !name.startsWith('scatter')) continue;
        yield { message: `${name} is not for the Neural Engine: compute it on the host`, at: operation };
      }
    },
  },
  {
    id: 'no-lowering-m1',
    severity: 'compile',
    summary: 'topk, sorting, state and casts to int32 need M2 or later.',
    known: 'M1',
    sources: ['GUIDE', 'FORGE', 'EB'],
    grade: 'A',
    generations: ['m1'],
    *check(program) {
      for (const operation of program.named('topk', 'argsort', 'read_state', 'coreml_update_state', 'cast')) {
        if (operation.operation === 'cast' && operation.elements('dtype')?.[0] !== 'int32') continue;
        yield { message: `${operation.operation} is not on M1: compute it on the host`, at: operation };
      }
    },
  },
  {
    id: 'sine',
    severity: 'compile',
    summary: 'sin and cos need M3 or later.',
    known: 'M1, M2',
    sources: ['GUIDE', 'FORGE'],
    grade: 'A',
    generations: ['m1', 'm2'],
    *check(program) {
      yield* each(program, ['sin', 'cos'], ({ operation }) => `${operation}: give its values as a constant`);
    },
  },
  {
    id: 'gelu',
    severity: 'compile',
    summary: 'gelu is not accepted in raw MIL.',
    known: 'M4 Max, A17 Pro',
    sources: ['ORI', 'IOS'],
    grade: 'A',
    contradicted: 'MAD PR 40 reports that gelu(mode) compiles',
    *check(program) {
      yield* each(program, ['gelu'], () => 'gelu: write it with tanh or sigmoid');
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
    id: 'convolution-bias',
    severity: 'compile',
    summary: 'conv takes no bias.',
    known: 'M4 Max, M3 Max',
    sources: ['ORI', 'ESP'],
    grade: 'B',
    *check(program) {
      for (const conv of program.named('conv')) {
        if (conv.has('bias')) yield { message: `${conv.result.name} has a bias: add it afterwards`, at: conv };
      }
    },
  },
  {
    id: 'convolution-inputs',
    severity: 'compile',
    summary: 'conv has fewer than 32000 input channels, and no more than the longest contraction.',
    known: '32000 rejected on M4; contraction 16384 up to M3',
    sources: ['MAD', 'ORI', 'GUIDE'],
    grade: 'A',
    *check(program, { limits }) {
      const most = Math.min(limits.spatialAxis.value, 31_999);
      for (const conv of program.named('conv')) {
        const channels = conv.value('weight')?.shape[1] ?? 0;
        if (channels <= most) continue;
        yield {
          message: `${conv.result.name} has ${channels} input channels, of ${most}: use matmul, or split the sum`,
          at: conv,
        };
      }
    },
  },
  {
    id: 'convolution-weight-dynamic',
    severity: 'compile',
    summary: 'With weights that are computed, conv crashes the compiler at batch 2 and more.',
    known: 'M1, M5',
    sources: ['GUIDE'],
    grade: 'B',
    *check(program) {
      for (const conv of dynamicConvolutions(program)) {
        if ((conv.value('x')?.shape[0] ?? 1) < 2) continue;
        yield { message: `${conv.result.name} has no constant weight: use matmul`, at: conv };
      }
    },
  },
  {
    id: 'convolution-weight-ignored',
    severity: 'silent data',
    summary: 'conv ignores weights that are computed.',
    known: 'M3 Max',
    sources: ['FG'],
    grade: 'C',
    contradicted: 'FORGE: works at batch 1 (e5rt)',
    *check(program) {
      for (const conv of dynamicConvolutions(program)) {
        if ((conv.value('x')?.shape[0] ?? 1) !== 1) continue;
        yield { message: `${conv.result.name} has no constant weight: use matmul, or verify its results`, at: conv };
      }
    },
  },
  {
    id: 'kernel-width',
    severity: 'compile',
    summary: 'Convolution kernels are no wider than the chip takes.',
    known: '13 on M1, 15 on M5; 16 and more run on the CPU on M6',
    sources: ['FORGE', 'EB', 'M6'],
    grade: 'A',
    *check(program, { limits }) {
      for (const conv of program.named('conv')) {
        const width = conv.value('weight')?.shape.at(-1) ?? 1;
        if (width <= limits.kernelWidth.value) continue;
        yield {
          message: `${conv.result.name} is ${width} wide, of ${limits.kernelWidth.value}: split the kernel`,
          at: conv,
        };
      }
    },
  },
  {
    id: 'channels-512',
    severity: 'compile',
    summary: 'fp32 programs of convolutions compile with 512 channels only.',
    known: 'one M3 Pro and one M3 Ultra, macOS 15.7',
    sources: ['MAD #3', 'MAD #42'],
    grade: 'C',
    chips: ['m3-pro', 'm3-ultra'],
    contradicted: 'another M3 Ultra compiles 256 and 384 channels (MAD PR 28); SLA runs 204 shapes on M3 Pro',
    *check(program) {
      if (!program.inputs.some(({ dtype }) => dtype === 'fp32')) return;
      for (const conv of program.named('conv')) {
        const [outputs, inputs] = conv.value('weight')?.shape ?? [];
        if (outputs === 512 && inputs === 512) continue;
        yield { message: `${conv.result.name} is ${inputs} → ${outputs}: use fp16 inputs and outputs`, at: conv };
      }
    },
  },
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
    id: 'concat-interleave',
    severity: 'compile',
    summary: 'concat names its argument interleave.',
    known: 'raw MIL and e5rt',
    sources: ['HOL #44', 'EB'],
    grade: 'A',
    *check(program) {
      for (const concat of program.named('concat')) {
        if (!concat.has('interleave'))
          yield { message: `${concat.result.name} has no interleave: pass false`, at: concat };
      }
    },
  },
  {
    id: 'concat',
    severity: 'compile',
    summary: 'concat is rejected.',
    known: 'M4 Max; on A17 Pro only where it stands alone',
    sources: ['ORI', 'IOS'],
    grade: 'C',
    contradicted: 'MAD, AR, FSP and GUIDE concatenate in every kernel',
    *check(program) {
      const computes = program.operations.some(({ operation }) => operation === 'conv' || operation === 'matmul');
      if (computes) return;
      yield* each(program, ['concat'], ({ result }) => `${result.name}: use several outputs, or add a convolution`);
    },
  },
  {
    id: 'attention-backward-whole',
    severity: 'compile',
    summary: 'The backward pass of attention is not one program with its softmax and a concat ("cycle path").',
    known: 'M4',
    sources: ['FSP'],
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
  {
    id: 'tile',
    severity: 'evaluate',
    summary: 'tile poisons the process: later evaluations return 0x1d.',
    known: 'M3 Max',
    sources: ['FG'],
    grade: 'B',
    contradicted: 'GUIDE: native for factors 2, 3, 4 and 8',
    *check(program) {
      yield* each(program, ['tile'], ({ result }) => `${result.name}: use concat, or broadcasting`);
    },
  },
];

const noLowering: ReadonlySet<string> = new Set([
  ...['reduce_prod', 'mod', 'logical_and', 'logical_or', 'logical_xor', 'one_hot', 'band_part', 'gru', 'lstm'],
  ...['cumsum', 'non_zero', 'sliding_windows', 'constexpr_cast'],
]);

const isSingletonLayout = (shape: readonly number[]): boolean =>
  shape.length === 4 && shape[0] === 1 && shape[1]! > 1 && shape[2] === 1;

function* dynamicConvolutions(program: ProgramView): Generator<OperationView> {
  for (const conv of program.named('conv')) {
    const weight = conv.value('weight');
    const folded = weight?.producer?.operation.startsWith('constexpr_') === true;
    if (weight !== undefined && weight.constant === null && !folded) yield conv;
  }
}

function* each(
  program: ProgramView,
  operations: readonly string[],
  message: (operation: OperationView) => string,
): Generator<Violation> {
  for (const operation of program.named(...operations)) yield { message: message(operation), at: operation };
}
