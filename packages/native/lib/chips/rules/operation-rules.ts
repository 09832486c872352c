import { mostSimilar } from '../../most-similar.js';
import { milOperations } from '../mil-operations.js';
import type { OperationView, ProgramView } from '../program-view.js';
import type { Rule, Violation } from './rule.js';

/** Rules on which operations there are, and with which arguments. */
export const operationRules: readonly Rule[] = [
  {
    id: 'unknown-operation',
    severity: 'compile',
    summary: 'Every operation is one of MIL.',
    known: 'all',
    sources: ['CT'],
    grade: 'A',
    *check(program) {
      // Constants, too: `constexpr_cats` would be one by its name.
      const producers = [...program.values.values()].flatMap(({ producer }) => producer ?? []);
      for (const operation of new Set(producers)) {
        const { operation: name } = operation;
        if (milOperations.includes(name)) continue;
        const similar = mostSimilar(name, milOperations);
        const hint = similar === null ? '' : ` (Did you mean ${similar}?)`;
        yield { message: `MIL has no operation ${name}${hint}`, at: operation };
      }
    },
  },
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
        if (!noLowering.has(name)) continue;
        yield { message: `${name} is not for the Neural Engine: compute it on the host`, at: operation };
      }
    },
  },
  {
    id: 'no-lowering-m1',
    severity: 'compile',
    summary: 'topk, sorting, state, casts to int32 and slices at computed places need M2 or later.',
    known: 'M1',
    sources: ['GUIDE', 'FORGE', 'EB'],
    grade: 'A',
    generations: ['m1'],
    *check(program) {
      for (const operation of program.named('topk', 'argsort', 'read_state', 'coreml_update_state', 'cast')) {
        if (operation.operation === 'cast' && operation.elements('dtype')?.[0] !== 'int32') continue;
        yield { message: `${operation.operation} is not on M1: compute it on the host`, at: operation };
      }
      for (const slice of program.named('slice_by_size', 'slice_by_index')) {
        if (slice.values('begin').every(({ constant }) => constant !== null)) continue;
        yield { message: `${slice.result.name} begins at a computed place: slice on the host`, at: slice };
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
  ...['scatter', 'scatter_along_axis', 'scatter_nd'],
]);

function* each(
  program: ProgramView,
  operations: readonly string[],
  message: (operation: OperationView) => string,
): Generator<Violation> {
  for (const operation of program.named(...operations)) yield { message: message(operation), at: operation };
}
