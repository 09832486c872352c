import { bytesOf, type MilValueView } from '../program-view.js';
import type { Rule } from './rule.js';

/** Rules whose breach costs time or space. */
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
    id: 'slice-channels',
    severity: 'performance',
    summary: 'Slices along channels are much slower than slices along the last axis.',
    known: 'M4 Pro',
    sources: ['NE'],
    grade: 'C',
    *check(program) {
      for (const slice of program.named('slice_by_size', 'slice_by_index')) {
        const begin = slice.numbers('begin');
        if (begin.length !== 4 || begin[1] === 0) continue;
        yield { message: `${slice.result.name} begins at channel ${begin[1]}: pack along the last axis`, at: slice };
      }
    },
  },
  {
    id: 'norm-with-products',
    severity: 'performance',
    summary: 'A normalization that three products of inputs follow in one program falls back to the CPU.',
    known: 'M4 (BNNS)',
    sources: ['MAD'],
    grade: 'B',
    *check(program) {
      const [reduction] = program.named('reduce_sum', 'reduce_mean');
      if (reduction === undefined) return;
      const products = [...program.named('matmul')].filter((product) => {
        const operands = ['x', 'y'].flatMap((name) => product.values(name));
        return operands.every(({ constant }) => constant === null) && operands.some((operand) => isView(operand));
      });
      if (products.length < 3) return;
      yield {
        message: `${reduction.result.name} normalizes before ${products.length} products: do so on the host`,
        at: reduction,
      };
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
        yield { message: `inputs and outputs take ${bytes} bytes: use smaller batches`, at: program.start };
    },
  },
];

const views: ReadonlySet<string> = new Set(['slice_by_size', 'slice_by_index', 'reshape', 'transpose', 'split']);

/** Whether a value is a part of an input, as packed weights are. */
function isView(value: MilValueView): boolean {
  if (value.producer === null) return value.constant === null;
  if (!views.has(value.producer.operation)) return false;
  return value.producer.tensors.some((operand) => isView(operand));
}
