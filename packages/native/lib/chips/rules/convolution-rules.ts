import { isNotched, type OperationView, type ProgramView } from '../program-view.js';
import type { Rule } from './rule.js';

/** Rules on convolutions: their sides, their weights, how many there are. */
export const convolutionRules: readonly Rule[] = [
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
    id: 'convolution-channels-32',
    severity: 'silent data',
    summary: 'conv sums over a multiple of 32 channels.',
    known: 'M1, M1 Pro (zeros)',
    sources: ['IMP'],
    grade: 'C',
    contradicted: 'FORGE trains networks whose first layer has 1 and 3 channels',
    *check(program) {
      for (const conv of program.named('conv')) {
        const channels = conv.value('weight')?.shape[1] ?? 32;
        if (channels % 32 === 0) continue;
        yield { message: `${conv.result.name} sums over ${channels} channels: pad them to a multiple of 32`, at: conv };
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
    id: 'weight-notch',
    severity: 'performance',
    summary: 'The weights of a convolution are no multiple of 1 MiB for each of 16 cores.',
    known: 'M3 (17 to 19 instead of 45 to 60 GB/s), M4 (23.7 instead of 43.5), M4 Max, A17 Pro; not M1, M2, M5 Max',
    sources: ['EIL', 'SIL', 'MAD #3', 'MAD PR 25', 'IOS'],
    grade: 'A',
    generations: ['m3', 'm4', 'a17'],
    *check(program) {
      for (const conv of program.named('conv')) {
        const weight = conv.value('weight');
        if (weight?.constant?.blob === undefined || !isNotched(weight)) continue;
        const [outputs, inputs] = weight.shape;
        yield { message: `${conv.result.name} is ${inputs} → ${outputs}: split its outputs in two`, at: conv };
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
];

function* dynamicConvolutions(program: ProgramView): Generator<OperationView> {
  for (const conv of program.named('conv')) {
    const weight = conv.value('weight');
    const folded = weight?.producer?.operation.startsWith('constexpr_') === true;
    if (weight !== undefined && weight.constant === null && !folded) yield conv;
  }
}
