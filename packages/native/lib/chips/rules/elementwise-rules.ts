import { elementsOf, type MilValueView, type OperationView, type ProgramView } from '../program-view.js';
import type { Rule, Violation } from './rule.js';

/** Rules on elementwise operations, reductions and softmax. */
export const elementwiseRules: readonly Rule[] = [
  {
    id: 'elementwise-large',
    severity: 'evaluate',
    summary: 'A program of elementwise operations alone has at most 16384 elements in a flat tensor, [1, n].',
    known: 'M1, M1 Pro (hangs); [1, c, s] runs',
    sources: ['IMP'],
    grade: 'B',
    *check(program) {
      if (!isElementwise(program)) return;
      const large = program.outputs.find((output) => output.shape.length <= 2 && elementsOf(output) > 16_384);
      if (large !== undefined)
        yield { message: `${large.name} has ${elementsOf(large)} elements: make it [1, c, s]`, at: large };
    },
  },
  {
    id: 'elementwise-only',
    severity: 'load',
    summary: 'A program has a convolution or a matmul.',
    known: 'M-series through e5rt',
    sources: ['EB'],
    grade: 'C',
    contradicted: 'ORI compiles and runs a single add on M4 Max',
    *check(program) {
      if (isElementwise(program))
        yield { message: 'elementwise operations only', at: program.outputs[0] ?? program.start };
    },
  },
  {
    id: 'elementwise-depth',
    severity: 'resource',
    summary:
      'Elementwise operations that follow each other are fewer than 128: compile time grows with the power 3.5 of their number.',
    known: 'M6 (512 take 179 s)',
    sources: ['M6'],
    grade: 'B',
    *check(program) {
      const depths = new Map<string, number>();
      for (const operation of program.operations) {
        if (!elementwise.has(operation.operation)) continue;
        const depth = 1 + Math.max(0, ...operation.tensors.map(({ name }) => depths.get(name) ?? 0));
        depths.set(operation.result.name, depth);
        if (depth !== 128) continue;
        yield { message: `${operation.result.name} is the 128th in a row: put a convolution between`, at: operation };
        return;
      }
    },
  },
  {
    id: 'root-after-reduction',
    severity: 'compile',
    summary: 'sqrt and rsqrt do not follow a reduction.',
    known: 'M4 Max, A17 Pro',
    sources: ['RUS', 'HOL #44', 'IOS'],
    grade: 'A',
    *check(program) {
      for (const root of program.named('sqrt', 'rsqrt')) {
        if (!derives(root, (operation) => operation.startsWith('reduce_'))) continue;
        const power = root.operation === 'sqrt' ? '0.5' : '-0.5';
        yield { message: `${root.result.name} is the root of a reduction: use pow(x, ${power})`, at: root };
      }
    },
  },
  {
    id: 'root-of-quotient',
    severity: 'silent data',
    summary: 'sqrt is not fused with real_div or a broadcast: it returns b/√a.',
    known: 'M1, M1 Pro',
    sources: ['IMP'],
    grade: 'B',
    *check(program) {
      for (const root of program.named('sqrt')) {
        const near = [root.value('x')?.producer, ...program.consumers(root.result.name)];
        const wrong = near.find((operation) => operation?.operation === 'real_div' || broadcasts(operation));
        if (wrong == null) continue;
        yield { message: `${root.result.name} is next to ${wrong.operation}: use pow(x, 0.5)`, at: root };
      }
    },
  },
  {
    id: 'rsqrt',
    severity: 'compile',
    summary: 'rsqrt is rejected.',
    known: 'M4 Max, A17 Pro',
    sources: ['ORI', 'IOS', 'HOL', 'RUS'],
    grade: 'A',
    contradicted: 'GUIDE lists it as native',
    *check(program) {
      yield* each(program, ['rsqrt'], 'use pow(x, -0.5)');
    },
  },
  {
    id: 'logarithm',
    severity: 'compile',
    summary: 'log is rejected.',
    known: 'M-series through e5rt, A17 Pro',
    sources: ['EB', 'IOS'],
    grade: 'A',
    contradicted: 'GUIDE lists it as native',
    *check(program) {
      yield* each(program, ['log'], 'compute it on the host');
    },
  },
  {
    id: 'sigmoid-table',
    severity: 'silent data',
    summary: 'sigmoid and silu come from a table of 33 points: 1 / (1 + exp(−x)) is more exact and no slower.',
    known:
      'M4 Max (10 to 30 times the error of fp16), M5 Max (4 % of small values; 0.07 % by exp), M1 (0.0034 at most)',
    sources: ['RCB', 'T24', 'GUIDE'],
    grade: 'A',
    onValues: true,
    *check(program) {
      yield* each(program, ['sigmoid', 'silu'], 'write it with exp if small values matter');
    },
  },
  {
    id: 'reduce-mean',
    severity: 'compile',
    summary: 'reduce_mean fails.',
    known: 'raw MIL; e5rt at dispatch; M5 Max over 512 channels of 32 columns',
    sources: ['HOL #44', 'EB', 'T24'],
    grade: 'A',
    contradicted: 'IOS: works with surfaces of 16 KB and more',
    *check(program) {
      yield* each(program, ['reduce_mean'], 'use reduce_sum and mul by 1/n');
    },
  },
  {
    id: 'reduction-times-zero',
    severity: 'compile',
    summary: 'The result of a reduction is not multiplied by zero.',
    known: 'M-series',
    sources: ['FORGE'],
    grade: 'B',
    *check(program) {
      for (const product of program.named('mul')) {
        const operands = ['x', 'y'].flatMap((name) => product.values(name));
        const zero = operands.some(({ constant }) => constant?.elements?.length === 1 && constant.elements[0] === 0);
        if (!zero || !operands.some(({ producer }) => producer?.operation.startsWith('reduce_'))) continue;
        yield { message: `${product.result.name} is always zero: leave it out`, at: product };
      }
    },
  },
  {
    id: 'softmax-axis',
    severity: 'compile',
    summary: 'softmax runs over a power of two.',
    known: 'one path of raw MIL',
    sources: ['HOL #44'],
    grade: 'C',
    contradicted: 'MAD runs it over 32000 channels',
    *check(program) {
      for (const softmax of program.named('softmax')) {
        const { shape } = softmax.result;
        const axis = softmax.numbers('axis')[0] ?? -1;
        const length = shape.at(axis) ?? 1;
        if (length > 0 && Number.isInteger(Math.log2(length))) continue;
        yield { message: `${softmax.result.name} is over ${length}: pad with a mask`, at: softmax };
      }
    },
  },
  {
    id: 'layer-norm',
    severity: 'compile',
    summary: 'layer_norm over 1024, 1536, 2560 or 4096 may fail, depending on the values of gamma and beta.',
    known: 'M1 and M2; from 10240 on M5',
    sources: ['FORGE #149'],
    grade: 'C',
    *check(program, { generation }) {
      for (const norm of program.named('layer_norm')) {
        const length = norm.result.shape.at(-1) ?? 1;
        const early = generation === 'm1' || generation === 'm2';
        const suspect = early ? [1024, 1536, 2560, 4096].includes(length) : length >= 10_240;
        if (suspect)
          yield { message: `${norm.result.name} is over ${length}: write it with reduce_sum and pow`, at: norm };
      }
    },
  },
  {
    id: 'cast',
    severity: 'compile',
    summary: 'cast is not supported.',
    known: 'M1, M2',
    sources: ['MAD PR 6'],
    grade: 'C',
    generations: ['m1', 'm2'],
    contradicted: 'M1 Pro and M1 Max ran programs with casts (MAD #3)',
    *check(program) {
      yield* each(program, ['cast'], 'use fp16 inputs and outputs and convert on the host');
    },
  },
];

const elementwise: ReadonlySet<string> = new Set([
  ...['add', 'sub', 'mul', 'real_div', 'pow', 'maximum', 'minimum', 'sqrt', 'rsqrt', 'exp', 'log', 'sigmoid', 'silu'],
  ...['tanh', 'relu', 'abs', 'square', 'clip', 'select', 'cast', 'identity', 'gelu', 'floor', 'ceil', 'sin', 'cos'],
]);

const isElementwise = ({ operations }: ProgramView): boolean =>
  operations.length > 0 && operations.every(({ operation }) => elementwise.has(operation));

/** Whether an operand of other than one element is stretched. */
function broadcasts(operation: OperationView | null | undefined): boolean {
  if (operation === null || operation === undefined || !elementwise.has(operation.operation)) return false;
  const size = elementsOf(operation.result);
  return operation.operands.some((operand) => elementsOf(operand) !== size && elementsOf(operand) > 1);
}

/** Whether a value comes from an operation that matches, through elementwise ones. */
function derives(from: OperationView, matches: (operation: string) => boolean): boolean {
  const waiting: MilValueView[] = [...from.tensors];
  const seen = new Set<string>();
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const { producer } = value;
    if (producer === null || seen.has(value.name)) continue;
    seen.add(value.name);
    if (matches(producer.operation)) return true;
    if (elementwise.has(producer.operation)) waiting.push(...producer.tensors);
  }
  return false;
}

function* each(program: ProgramView, operations: readonly string[], advice: string): Generator<Violation> {
  for (const operation of program.named(...operations)) {
    yield { message: `${operation.operation} ${operation.result.name}: ${advice}`, at: operation };
  }
}
