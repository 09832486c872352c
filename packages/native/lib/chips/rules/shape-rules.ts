import type { MilDeclaration } from '../../contract.js';
import type { ProgramView } from '../program-view.js';
import type { Rule } from './rule.js';

/** Rules on the shapes of tensors, wherever they occur. */
export const shapeRules: readonly Rule[] = [
  {
    id: 'rank-5',
    severity: 'compile',
    summary: 'Tensors have at most 5 axes.',
    known: 'all',
    sources: ['GUIDE'],
    grade: 'B',
    *check(program) {
      for (const value of computed(program)) {
        if (value.shape.length > 5)
          yield { message: `${value.name} has ${value.shape.length} axes: merge some`, at: value };
      }
    },
  },
  {
    id: 'rank-4',
    severity: 'compile',
    summary: 'Tensors of 4 axes are safe, of 5 not everywhere.',
    known: 'M-series through e5rt',
    sources: ['EB'],
    grade: 'B',
    contradicted: 'GUIDE: 5 axes',
    *check(program) {
      for (const value of computed(program)) {
        if (value.shape.length === 5) yield { message: `${value.name} has 5 axes: merge two`, at: value };
      }
    },
  },
  {
    id: 'axis-length',
    severity: 'compile',
    summary: "Axes are no longer than the chip's limits.",
    known: 'spatial and contraction axes 16384 up to M3 and A15, 65536 from M4 and A16 on; channels and batch 65536',
    sources: ['GUIDE', 'FORGE', 'MAD PR 26'],
    grade: 'A',
    *check(program, { limits }) {
      for (const value of computed(program)) {
        for (const [axis, length] of value.shape.entries()) {
          // The axes of tensors of rank 3 and 4 are batch, channels, then space.
          const spatial = value.shape.length >= 3 && axis >= 2;
          const most = spatial ? limits.spatialAxis.value : limits.channelAxis.value;
          if (length <= most) continue;
          yield { message: `axis ${axis} of ${value.name} is ${length} long, of ${most}: split it`, at: value };
        }
      }
    },
  },
  {
    id: 'slice-offset',
    severity: 'silent data',
    summary:
      'What a slice takes from within the last axis is at most 4094 in magnitude: larger values become infinite.',
    known: 'M1, M1 Max, M2, M2 Pro (such a slice multiplies by 16 on its way); exact on M4, M4 Max, M5',
    sources: ['GUIDE', 'FORGE'],
    grade: 'A',
    onValues: true,
    generations: ['m1', 'm2'],
    *check(program) {
      for (const slice of program.named('slice_by_size', 'slice_by_index')) {
        const begin = slice.numbers('begin').at(-1) ?? 0;
        const whole = slice.value('x')?.shape.at(-1) ?? 0;
        const offset = begin < 0 ? whole + begin : begin;
        if (offset === 0) continue;
        yield { message: `${slice.result.name} begins at ${offset}: keep its values below 4094`, at: slice };
      }
    },
  },
  {
    id: 'slice-of-input',
    severity: 'compile',
    summary: 'slice_by_index does not take a function input where the program has reductions and convolutions.',
    known: 'raw MIL (InvalidMILProgram)',
    sources: ['HOL #44'],
    grade: 'C',
    *check(program) {
      if (!has(program, 'conv') || !has(program, 'reduce_sum', 'reduce_mean')) return;
      for (const slice of program.named('slice_by_index')) {
        const x = slice.value('x');
        if (x === undefined || x.producer !== null || x.constant !== null) continue;
        yield { message: `${slice.result.name} slices input ${x.name}: use slice_by_size`, at: slice };
      }
    },
  },
  {
    id: 'width-concat',
    severity: 'compile',
    summary: 'Slices along the last axis are not joined again along it.',
    known: 'M3 Ultra (rotary embedding)',
    sources: ['RUS PR 9'],
    grade: 'B',
    chips: ['m3-ultra'],
    *check(program) {
      for (const concat of program.named('concat')) {
        const axis = concat.numbers('axis')[0] ?? 0;
        const { shape } = concat.result;
        if ((axis < 0 ? axis + shape.length : axis) !== shape.length - 1) continue;
        const sliced = concat.values('values').some((part) => slicesWidth(part.producer?.operation));
        if (sliced)
          yield { message: `${concat.result.name} joins slices along the last axis: do so along another`, at: concat };
      }
    },
  },
  {
    id: 'broadcast-rank-3',
    severity: 'silent data',
    summary: '[a, b, n] and [a, b, 1] are not combined.',
    known: 'M1, M1 Pro (zeros)',
    sources: ['IMP'],
    grade: 'B',
    *check(program) {
      for (const operation of program.named(...binary)) {
        const [x, y] = [operation.value('x'), operation.value('y')];
        if (x?.shape.length !== 3 || y?.shape.length !== 3) continue;
        const [a, b] = [x.shape[2]!, y.shape[2]!];
        if (a === b || Math.min(a, b) !== 1) continue;
        yield {
          message: `${operation.result.name} broadcasts the last axis of rank 3: reshape to rank 4`,
          at: operation,
        };
      }
    },
  },
  {
    id: 'broadcast-batch',
    severity: 'silent data',
    summary: 'mul does not broadcast the first axis.',
    known: 'M3 Max (unreliable)',
    sources: ['FG'],
    grade: 'C',
    *check(program) {
      for (const operation of program.named('mul')) {
        const [x, y] = [operation.value('x'), operation.value('y')];
        if (x === undefined || y === undefined || x.shape.length < 3 || x.shape.length !== y.shape.length) continue;
        const [a, b] = [x.shape[0]!, y.shape[0]!];
        if (a === b || Math.min(a, b) !== 1) continue;
        yield {
          message: `${operation.result.name} broadcasts the first axis, ${a} and ${b}: repeat the smaller operand`,
          at: operation,
        };
      }
    },
  },
];

const binary = ['add', 'sub', 'mul', 'real_div', 'pow', 'maximum', 'minimum'] as const;

const slicesWidth = (operation: string | undefined): boolean =>
  operation === 'slice_by_size' || operation === 'slice_by_index' || operation === 'split';

const has = (program: ProgramView, ...operations: readonly string[]): boolean =>
  program.operations.some(({ operation }) => operations.includes(operation));

/** Inputs and the results of operations. */
function* computed(program: ProgramView): Generator<MilDeclaration> {
  yield* program.inputs;
  for (const operation of program.operations) yield* operation.results;
}
