import type { MilValue } from '../mil/graph.js';
import type { ProgramShape } from './shape.js';

/** Where tokens stand in their text, from 0. */
export interface Positions {
  /** Of the program's tokens, in the order of its columns. */
  readonly tokens: readonly number[];
  /** Of the keys that a query is compared with, in their order; Infinity for a place without a key. */
  readonly keys: readonly number[];
  /** Tokens of a text at most. */
  readonly context: number;
}

/** What a program reads that continues a text: its tokens' positions are known when it runs, not when it is written. */
export interface Continuation {
  /** Keys that a query is compared with: those of earlier tokens, then those of the program's own. */
  readonly keys: number;
  /** An fp16 input with values that follow from positions; one per name. */
  table(name: string, shape: readonly number[], values: (positions: Positions) => Float32Array): MilValue;
  /** Keeps a value of the program's tokens for later programs. Returns that of earlier tokens, [1, rows, 1, keys − tokens]. */
  past(value: MilValue): MilValue;
}

interface Writer {
  readonly shape: Pick<ProgramShape, 'sequence'>;
  readonly continuation?: Continuation;
  constant(name: string, shape: readonly number[], values: () => Float32Array): MilValue;
}

/** Values that follow from the positions of tokens: a constant in a program for whole windows, else an input. */
export function positionTable(
  { shape: { sequence }, continuation, constant }: Writer,
  name: string,
  shape: readonly number[],
  values: (positions: Positions) => Float32Array,
): MilValue {
  if (continuation !== undefined) return continuation.table(name, shape, values);
  return constant(name, shape, () => {
    const tokens = Array.from({ length: sequence }, (_, position) => position);
    return values({ tokens, keys: tokens, context: sequence });
  });
}
