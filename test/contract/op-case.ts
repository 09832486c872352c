import { type Dialect, ProgramText } from './mil-text.js';
import { type Tensor, tensor } from './tensor.js';

/** A program, what goes in, and what the reference says comes out. */
export interface OpCase {
  readonly name: string;
  readonly text: string;
  readonly inputs: readonly Tensor[];
  readonly expected: readonly Tensor[];
  readonly weightFile?: Uint8Array | undefined;
  /** Relative to the expected value. Default: what rounding to the type makes of a few operations. */
  readonly tolerance?: number | undefined;
  /** The tolerance of smaller values is that of this one. Default: 1. */
  readonly floor?: number | undefined;
  /** Sums have one order on every instruction set. Default: true. */
  readonly isOrdered?: boolean | undefined;
}

/** Writes a program and returns the names of its results with their expected values. */
export type CaseBody = (program: ProgramText) => readonly (readonly [string, Tensor])[];

export function opCase(
  name: string,
  body: CaseBody,
  options: { dialect?: Dialect; tolerance?: number; floor?: number; isOrdered?: boolean } = {},
): OpCase {
  const dialect = options.dialect ?? 'ios18';
  const program = new ProgramText(dialect);
  const results = body(program);
  return {
    name: dialect === 'ios18' ? name : `${name} (${dialect})`,
    text: program.finish(...results.map(([result]) => result)),
    inputs: program.inputs,
    expected: results.map(([, { dtype, shape, data }]) => tensor(dtype, shape, data)),
    weightFile: program.weightFile(),
    tolerance: options.tolerance,
    floor: options.floor,
    isOrdered: options.isOrdered,
  };
}

/** The case in both dialects. */
export function inBothDialects(
  name: string,
  body: CaseBody,
  options: { tolerance?: number; isOrdered?: boolean } = {},
): OpCase[] {
  return [opCase(name, body, options), opCase(name, body, { ...options, dialect: 'ios16' })];
}
