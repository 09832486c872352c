import type { Slot, Surface } from './program-shape.js';

/** Rows and columns of a matrix. */
export type MatrixSize = readonly [rows: number, columns: number];

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
