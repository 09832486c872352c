import type { MilDeclaration } from '../../contract.js';
import { bytesOf, type ProgramView } from '../program-view.js';
import type { Rule, Violation } from './rule.js';

/** Rules on a program's inputs and outputs: how many, how large, in which order, of which type. */
export const portRules: readonly Rule[] = [
  {
    id: 'port-type',
    severity: 'compile',
    summary: 'Inputs and outputs are fp16 or fp32.',
    known: 'all',
    sources: ['GUIDE', 'FORGE'],
    grade: 'A',
    *check(program) {
      for (const port of ports(program)) {
        if (port.dtype === 'fp16' || port.dtype === 'fp32') continue;
        yield { message: `${port.name} is ${port.dtype}: make it fp16 and cast inside the program`, at: port };
      }
    },
  },
  {
    id: 'port-fp32',
    severity: 'performance',
    summary: 'fp16 inputs and outputs are about 37 % faster than fp32 ones.',
    known: 'M4',
    sources: ['MAD'],
    grade: 'B',
    *check(program) {
      for (const port of ports(program)) {
        if (port.dtype === 'fp32')
          yield { message: `${port.name} is fp32: make it fp16, converted by the host`, at: port };
      }
    },
  },
  {
    id: 'port-fp32-refused',
    severity: 'compile',
    summary: 'Inputs and outputs are fp16: fp32 ones are refused.',
    known: 'M1 Pro (HIQS); M5 Max with macOS 27 (T24)',
    sources: ['HIQS', 'T24'],
    grade: 'B',
    chips: ['m1', 'm1-pro', 'm1-max', 'm5-max'],
    contradicted: 'M1 Pro and M1 Max ran programs with fp32 inputs (MAD #3)',
    *check(program) {
      for (const port of ports(program)) {
        if (port.dtype === 'fp32') yield { message: `${port.name} is fp32: make it fp16`, at: port };
      }
    },
  },
  {
    id: 'input-count',
    severity: 'evaluate',
    summary: 'A program has one input.',
    known: 'M3 Max, M4, M5, raw MIL (0x1d)',
    sources: ['MAD', 'LB', 'SOL', 'JMH'],
    grade: 'A',
    contradicted: 'H3 (M3 Ultra), IMP (M1, 2 to 98 inputs), FSP (M4) and EB run several inputs',
    *check({ inputs }) {
      if (inputs.length > 1) {
        yield {
          message: `${inputs.length} inputs: pack them in one tensor, side by side along the last axis`,
          at: inputs[1]!,
        };
      }
    },
  },
  {
    id: 'input-rank-3',
    severity: 'silent data',
    summary: 'Several inputs are of rank 3, [1, m, n].',
    known: 'M1, M1 Pro (zeros)',
    sources: ['IMP'],
    grade: 'C',
    contradicted: 'FSP (M4) and ORI (M4 Max) bind several inputs of rank 4',
    *check({ inputs }) {
      const other = inputs.length > 1 ? inputs.find(({ shape }) => shape.length !== 3) : undefined;
      if (other !== undefined)
        yield { message: `${other.name} has ${other.shape.length} axes: make all inputs [1, m, n]`, at: other };
    },
  },
  {
    id: 'input-order-by-name',
    severity: 'silent data',
    summary: 'Input surfaces are bound in alphabetical order of the parameter names.',
    known: 'M4 Max, macOS 26 (all six orders of three inputs)',
    sources: ['ORI', 'EB'],
    grade: 'A',
    contradicted: 'IMP (M1) and FSP (M4) bind in the order of the text; the ane device asks for the order',
    confirmed: ['m4-max'],
    effect: 'alphabetical inputs',
    *check({ inputs }) {
      yield* alphabetical(inputs, 'parameters');
    },
  },
  {
    id: 'output-order-by-name',
    severity: 'silent data',
    summary: 'Output surfaces are bound in alphabetical order of the result names.',
    known: 'M4 Max, macOS 26; M5 Max: not the order of the text',
    sources: ['ORI', 'EB', 'T24'],
    grade: 'A',
    effect: 'alphabetical outputs',
    *check({ outputs }) {
      yield* alphabetical(outputs, 'results');
    },
  },
  {
    id: 'input-sizes-ascending',
    severity: 'silent data',
    summary: 'Input sizes in bytes do not fall from one input to the next.',
    known: 'M1, M1 Pro (zeros as results)',
    sources: ['IMP'],
    grade: 'B',
    contradicted: 'IMP itself where a product broadcasts the smaller; FSP (M4) binds a larger one first',
    confirmed: ['m1', 'm1-pro'],
    *check(program) {
      const { inputs } = program;
      for (const [index, input] of inputs.entries()) {
        const before = inputs[index - 1];
        if (before === undefined || bytesOf(before) <= bytesOf(input) || isBroadcast(program, input)) continue;
        const message = `${input.name} (${bytesOf(input)} bytes) follows ${before.name} (${bytesOf(before)}): order inputs by size`;
        yield { message, at: input };
      }
    },
  },
  {
    id: 'output-sizes-descending',
    severity: 'silent data',
    summary: 'Output sizes in bytes do not rise from one output to the next.',
    known: 'M1, M1 Pro (zeros as results)',
    sources: ['IMP'],
    grade: 'B',
    contradicted: 'ORI (M4 Max) returns them in any order, with surfaces of one size',
    confirmed: ['m1', 'm1-pro'],
    *check({ outputs }) {
      for (const [index, output] of outputs.entries()) {
        const before = outputs[index - 1];
        if (before === undefined || bytesOf(before) >= bytesOf(output)) continue;
        const message = `${output.name} (${bytesOf(output)} bytes) follows ${before.name} (${bytesOf(before)}): largest first, or one concatenated output`;
        yield { message, at: output };
      }
    },
  },
  {
    id: 'input-sizes-equal',
    severity: 'evaluate',
    summary: 'All input surfaces have one size.',
    known: 'M4 Max (0x1d)',
    sources: ['ORI'],
    grade: 'B',
    contradicted: 'IMP (M1) and FSP (M4) bind inputs of different sizes',
    *check({ inputs }) {
      yield* equalSizes(inputs);
    },
  },
  {
    id: 'output-sizes-equal',
    severity: 'evaluate',
    summary: 'All output surfaces have one size.',
    known: 'M4 Max (0x1d)',
    sources: ['ORI'],
    grade: 'B',
    contradicted: 'IMP (M1): different sizes work in descending order',
    *check({ outputs }) {
      yield* equalSizes(outputs);
    },
  },
  {
    id: 'output-count',
    severity: 'silent data',
    summary: 'A program has at most two outputs.',
    known: 'M5, macOS 15 (wrong data from the third on)',
    sources: ['M0AT'],
    grade: 'C',
    contradicted: 'ORI (M4 Max) returns three',
    *check({ outputs }) {
      if (outputs.length < 3) return;
      yield { message: `${outputs.length} outputs: join some of them in one tensor`, at: outputs[2]! };
    },
  },
  {
    id: 'port-count',
    severity: 'resource',
    summary: 'A request has at most 128 surfaces.',
    known: 'M4',
    sources: ['SLA'],
    grade: 'B',
    *check(program) {
      const count = program.inputs.length + program.outputs.length;
      if (count > 128) yield { message: `${count} inputs and outputs: pack some of them together`, at: program.start };
    },
  },
  {
    id: 'port-width-16',
    severity: 'silent data',
    summary: 'The last axis of inputs and outputs is a multiple of 16.',
    known: 'M4 Max, M3 Ultra (corrupt data)',
    sources: ['RUS', 'EB'],
    grade: 'A',
    *check(program) {
      for (const port of ports(program)) {
        const width = port.shape.at(-1) ?? 1;
        if (width % 16 !== 0)
          yield { message: `${port.name} is ${width} wide: pad it to ${upTo(width, 32)}`, at: port };
      }
    },
  },
  {
    id: 'port-width-32',
    severity: 'silent data',
    summary: 'The last axis of inputs and outputs is a multiple of 32.',
    known: 'M-series through e5rt (wrong data), M3 Max (0x1d from 513 to 528), M5 Max (zeros below 32)',
    sources: ['EB', 'FG', 'LB', 'T24'],
    grade: 'A',
    contradicted: 'MAD runs [1, 64, 1, 16]; RUS asks for multiples of 16 only; ORI reads surfaces as packed flat data',
    confirmed: ['m3-max', 'm5-max'],
    *check(program) {
      for (const port of ports(program)) {
        const width = port.shape.at(-1) ?? 1;
        if (width % 16 === 0 && width % 32 !== 0) {
          yield { message: `${port.name} is ${width} wide: pad it to ${upTo(width, 32)}`, at: port };
        }
      }
    },
  },
  {
    id: 'port-bytes',
    severity: 'evaluate',
    summary: 'A surface has at least the bytes that the chip asks for.',
    known: '49152 on M4 Max, 16384 on A17 Pro, about 2048 on M1',
    sources: ['ORI', 'IOS', 'IMP'],
    grade: 'C',
    contradicted:
      'sources differ by a factor of 24, and MAD runs surfaces of 4096 bytes; the ane device rounds surfaces up',
    *check(program, { limits }) {
      for (const port of ports(program)) {
        const least = limits.surfaceBytes.value;
        const bytes = bytesOf(port);
        if (bytes < least) yield { message: `${port.name} has ${bytes} bytes: ${least} or more are safe`, at: port };
      }
    },
  },
];

const ports = (program: ProgramView): readonly MilDeclaration[] => [...program.inputs, ...program.outputs];

const upTo = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** Whether a product stretches an input, as depthwise ones do: those come last, whatever their size (IMP). */
function isBroadcast(program: ProgramView, input: MilDeclaration): boolean {
  const bytes = bytesOf(input);
  return program.consumers(input.name).some(({ operation, result }) => operation === 'mul' && bytesOf(result) > bytes);
}

function* alphabetical(declared: readonly MilDeclaration[], what: string): Generator<Violation> {
  const names = declared.map(({ name }) => name);
  const sorted = [...names].sort();
  const wrong = declared.find(({ name }, index) => name !== sorted[index]);
  if (wrong === undefined) return;
  yield { message: `${what} are ${names.join(', ')}: rename them so that they come in alphabetical order`, at: wrong };
}

function* equalSizes(declared: readonly MilDeclaration[]): Generator<Violation> {
  const sizes = new Set(declared.map(bytesOf));
  const other = declared.find((port) => bytesOf(port) !== bytesOf(declared[0]!));
  if (other === undefined) return;
  yield { message: `sizes are ${[...sizes].join(', ')} bytes: pad them to the largest`, at: other };
}
