import type { Rule } from './rule.js';

/** Rules on how a program is written. */
export const textRules: readonly Rule[] = [
  {
    id: 'build-info',
    severity: 'compile',
    summary: 'A program has a buildInfo.',
    known: 'one engine (the model is nil without it)',
    sources: ['Q38'],
    grade: 'C',
    *check({ text }) {
      if (text.includes('buildInfo')) return;
      yield { message: 'no buildInfo: write one on the line below program(…)', at: { line: 1, column: 1 } };
    },
  },
  {
    id: 'build-info-line',
    severity: 'compile',
    summary: 'buildInfo is written on one line.',
    known: 'M-series through e5rt',
    sources: ['EB'],
    grade: 'B',
    *check({ text }) {
      const start = text.indexOf('[buildInfo');
      if (start < 0) return;
      const end = text.indexOf(')]', start);
      if (!text.slice(start, end).includes('\n')) return;
      const line = text.slice(0, start).split('\n').length;
      yield { message: 'buildInfo spans several lines: join them', at: { line, column: 1 } };
    },
  },
  {
    id: 'named-arguments',
    severity: 'compile',
    summary: 'Every argument is the name of a const, not a literal.',
    known: 'all (matmul transpose_x, transpose_y)',
    sources: ['ORI', 'MAD'],
    grade: 'B',
    *check({ operations }) {
      for (const operation of operations) {
        for (const name of operation.literalArguments) {
          yield {
            message: `${name} of ${operation.operation} is a literal: name a const with its value`,
            at: operation,
          };
        }
      }
    },
  },
  {
    id: 'live-results',
    severity: 'compile',
    summary: 'Every result of the function is computed by an operation.',
    known: 'M4 Max',
    sources: ['ORI'],
    grade: 'B',
    *check({ outputs }) {
      for (const output of outputs) {
        if (output.producer !== null) continue;
        yield {
          message: `${output.name} is an input or a constant: pass it through identity, or leave it out`,
          at: output,
        };
      }
    },
  },
  {
    id: 'dead-code',
    severity: 'compile',
    summary: 'Every computed value is used: unused ones of width 1 fail.',
    known: 'M-series through e5rt',
    sources: ['EB'],
    grade: 'C',
    *check(program) {
      const results = new Set(program.outputs.map(({ name }) => name));
      for (const operation of program.operations) {
        const used = operation.results.some(({ name }) => results.has(name) || program.consumers(name).length > 0);
        if (!used) yield { message: `${operation.result.name} is not used: leave it out`, at: operation };
      }
    },
  },
  {
    id: 'reserved-names',
    severity: 'silent data',
    summary: 'Values are not named like operations or common words.',
    known: 'M1, M1 Pro (zeros, or failure)',
    sources: ['IMP'],
    grade: 'C',
    contradicted: 'MAD, ORI and others name inputs `x` and values after operations',
    *check({ values }) {
      for (const value of values.values()) {
        if (reserved.has(value.name)) yield { message: `${value.name}: give it a longer name`, at: value };
      }
    },
  },
  {
    id: 'dialect',
    severity: 'compile',
    summary: 'M1 and M2 take `program(1.0)` with `func main<ios16>`.',
    known: 'M1, M2',
    sources: ['MAD PR 6'],
    grade: 'C',
    generations: ['m1', 'm2'],
    contradicted: 'M1 Pro and M1 Max ran programs of the newer dialect (MAD #3)',
    *check({ opset }) {
      if (opset === 'ios15' || opset === 'ios16') return;
      yield { message: `${opset}: build with dialect ios16 if the chip rejects this`, at: { line: 1, column: 1 } };
    },
  },
];

const reserved: ReadonlySet<string> = new Set('var diff mean std eps x y mul add c'.split(' '));
