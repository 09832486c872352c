import { bytesOf } from '../program-view.js';
import type { Rule } from './rule.js';

/** Rules whose breach costs time or space, and the depths at which the compiler gives up. */
export const performanceRules: readonly Rule[] = [
  {
    id: 'matmul-by-constant',
    severity: 'performance',
    summary: 'A product with a constant matrix is faster as a 1×1 convolution.',
    known: '3 times on M4 Max, 1.85 on M5, 2.5 on M1',
    sources: ['ORI', 'GUIDE'],
    grade: 'A',
    *check(program) {
      for (const product of program.named('matmul')) {
        const constant = ['x', 'y']
          .flatMap((name) => product.values(name))
          .some((operand) => operand.constant !== null);
        if (constant) yield { message: `${product.result.name} multiplies by a constant: use conv`, at: product };
      }
    },
  },
  {
    id: 'convolution-stride',
    severity: 'performance',
    summary: 'Dense convolutions with strides are slow.',
    known: 'M-series',
    sources: ['EB'],
    grade: 'C',
    *check(program) {
      for (const conv of program.named('conv')) {
        const strides = conv.numbers('strides');
        const dense = (conv.numbers('groups')[0] ?? 1) === 1;
        if (!dense || strides.every((stride) => stride === 1)) continue;
        yield { message: `${conv.result.name} has strides ${strides.join(', ')}: reshape before, or pool`, at: conv };
      }
    },
  },
  {
    id: 'channels-4096',
    severity: 'performance',
    summary: 'Weights of 4096 × 4096 and 8192 × 8192 are read at a third of the speed.',
    known: 'M4, M4 Max, A17 Pro: 4608, 5120 and 6144 are faster than 4096',
    sources: ['MAD #3', 'MAD PR 25', 'IOS'],
    grade: 'A',
    *check(program) {
      for (const conv of program.named('conv')) {
        const [outputs = 0, inputs = 0] = conv.value('weight')?.shape ?? [];
        if (inputs === 0 || inputs % 4096 !== 0 || outputs % 4096 !== 0) continue;
        yield {
          message: `${conv.result.name} is ${inputs} → ${outputs}: pad one side, e.g. to ${inputs + 512}`,
          at: conv,
        };
      }
    },
  },
  {
    id: 'convolution-depth',
    severity: 'compile',
    summary: 'A program has at most 386 convolutions.',
    known: 'M6; 512 layers crash the compiler service on M3 Pro and M4',
    sources: ['M6', 'SLA'],
    grade: 'A',
    *check(program) {
      const convolutions = [...program.named('conv')];
      if (convolutions.length <= 386) return;
      yield { message: `${convolutions.length} convolutions: split the program`, at: convolutions[386]! };
    },
  },
  {
    id: 'fan-in',
    severity: 'resource',
    summary: 'An operation joins fewer than 12 values: more take seconds to compile.',
    known: 'M1, M2, M5 (about 9 s)',
    sources: ['GUIDE'],
    grade: 'B',
    *check(program) {
      for (const concat of program.named('concat', 'stack')) {
        const { length } = concat.values('values');
        if (length >= 12)
          yield { message: `${concat.result.name} joins ${length} values: join in two steps`, at: concat };
      }
    },
  },
  {
    id: 'working-set',
    severity: 'performance',
    summary: 'Surfaces in use stay below 220 MB.',
    known: 'one report; a program of this size alone passes it',
    sources: ['AutoANE'],
    grade: 'C',
    *check(program) {
      const bytes = [...program.inputs, ...program.outputs].reduce((sum, port) => sum + bytesOf(port), 0);
      if (bytes > 220e6)
        yield { message: `inputs and outputs take ${bytes} bytes: use smaller batches`, at: program.inputs[0]! };
    },
  },
];
