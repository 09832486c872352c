import type { MilProgram } from '../mil/types.js';
import type { ModelConfig } from '../model/config.js';

/** The sizes that a layer's programs are written for. A dispatch covers `batch` windows of `sequence` tokens. */
export interface ProgramShape extends Omit<ModelConfig, 'layers' | 'vocab' | 'sequence' | 'tiedHead'> {
  readonly batch: number;
  readonly sequence: number;
}

/** Rows and columns of a matrix. */
export type MatrixSize = readonly [rows: number, columns: number];

/** A matrix within a surface [1, channels, 1, width]: element (r, c) is channel `row + r`, position `column + c`. */
export interface Slot {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** An fp16 input or output [1, channels, 1, width] and the matrices packed in it. */
export interface Surface<Name extends string = string> {
  readonly channels: number;
  /** Row stride of every slot, in elements. */
  readonly width: number;
  readonly slots: Readonly<Record<Name, Slot>>;
}

/**
 * Packs matrices into a surface in the order given: below the one before where the columns agree and the channels
 * suffice, else beside it.
 *
 * @param channels At least the rows of every matrix.
 * @param widthMultiple The width is rounded up to it. Default: 1.
 */
export function packSurface<Name extends string>(
  channels: number,
  matrices: Readonly<Record<Name, MatrixSize>>,
  widthMultiple = 1,
): Surface<Name> {
  const slots: [string, Slot][] = [];
  let row = 0;
  let column = 0;
  let end = 0;
  for (const [name, [rows, columns]] of Object.entries<MatrixSize>(matrices)) {
    if (columns !== end - column || row + rows > channels) {
      row = 0;
      column = end;
      end += columns;
    }
    slots.push([name, { row, column, rows, columns }]);
    row += rows;
  }
  const width = Math.ceil(end / widthMultiple) * widthMultiple;
  return { channels, width, slots: Object.fromEntries(slots) as Record<Name, Slot> };
}

/** One matrix below the other, all of `columns` columns. */
export function stackSurface<Name extends string>(
  rows: Readonly<Record<Name, number>>,
  columns: number,
): Surface<Name> {
  const entries = Object.entries<number>(rows);
  const channels = entries.reduce((sum, [, count]) => sum + count, 0);
  const matrices = Object.fromEntries(entries.map(([name, count]) => [name, [count, columns] as const]));
  return packSurface(channels, matrices as Record<Name, MatrixSize>);
}

/** A parameter that a program reads: as it is stored, or transposed. */
export interface WeightUse {
  readonly parameter: string;
  readonly transposed: boolean;
}

export interface LayerProgram<Input extends string = string, Output extends string = string> {
  readonly program: MilProgram;
  readonly input: Surface<Input>;
  readonly output: Surface<Output>;
}

/**
 * Constants that do not depend on parameters, to be written into the program's weight files before compiling: fp32 values
 * by record name.
 */
export interface FixedConstants {
  readonly constants: ReadonlyMap<string, Float32Array>;
}
