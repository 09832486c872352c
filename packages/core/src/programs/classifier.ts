import { MayflyError } from '@mayfly/native';
import type { MilValue } from '../mil/graph.js';
import { contract } from './contraction.js';
import type { ProgramForm } from './form.js';
import { LONGEST_AXIS, MOST_ROWS, MOST_SUMMED, MULTIPLE } from './limits.js';
import { type LayerProgram, packSurface, type Surface } from './shape.js';
import { ProgramWriter } from './writer.js';

/** Rows of the table in a part of the product that is its gradient: about a millisecond of it. */
export const TABLE_GRADIENT_ROWS = 2048;

/** The sizes that the classifier's programs are written for. */
export interface ClassifierShape {
  readonly dim: number;
  readonly vocab: number;
  /** Tokens of a pass: T. */
  readonly columns: number;
}

/** The classifier's products in chunks of the vocabulary, all of one size, which share two programs. */
export interface ClassifierPrograms {
  /** Classes of a chunk; the last one may have fewer. */
  readonly rows: number;
  readonly chunks: number;
  /**
   * The input of both: `xn` [dim, T]; the logits' gradient in parts `dy0`, `dy1`, … of some rows [rows, T] each; and the chunk of the
   * table, transposed [dim, rows], as `table`.
   */
  readonly input: Surface<string>;
  /** The slots of the logits' gradient, in the order of the classes. */
  readonly parts: readonly string[];
  /** logits = table·xn. */
  readonly forward: LayerProgram;
  /** dx = tableᵀ·dy: of this chunk's classes alone. */
  readonly backward: LayerProgram;
  /** Columns of the input from the first on that change from dispatch to dispatch: the table lies beyond. */
  readonly freshColumns: number;
}

/** @throws `ERR_INVALID_ARGUMENT` for passes with more tokens than a surface takes. */
export function classifierPrograms(
  { dim, vocab, columns }: ClassifierShape,
  form: ProgramForm = {},
): ClassifierPrograms {
  const part = Math.min(dim, MOST_SUMMED);
  // A class takes a column of the table, and its share of a part of the gradient.
  const fitting = (LONGEST_AXIS - 2 * columns - MULTIPLE) / (1 + columns / part);
  const most = Math.floor(Math.min(MOST_ROWS, fitting) / MULTIPLE) * MULTIPLE;
  if (most < MULTIPLE) {
    const expected = 'Expected passes of fewer tokens (batch · seq) for the classifier on the device';
    throw new MayflyError('ERR_INVALID_ARGUMENT', `${expected}, got ${columns}: take classifier host`);
  }
  const chunks = Math.ceil(vocab / most);
  const rows = Math.ceil(vocab / chunks / MULTIPLE) * MULTIPLE;
  const counts = Array.from({ length: Math.ceil(rows / part) }, (_, index) => Math.min(part, rows - index * part));
  const gradients = Object.fromEntries(counts.map((count, index) => [`dy${index}`, [count, columns] as const]));
  const input: Surface<string> = packSurface(dim, { xn: [dim, columns], ...gradients, table: [dim, rows] }, MULTIPLE);
  const matrix = ({ shape }: MilValue) => [1, 1, shape[1]!, shape[3]!];
  const open = () => {
    const writer = new ProgramWriter(input, form);
    const { builder: b } = writer;
    const product = (x: MilValue, y: MilValue, transposed: boolean) => {
      const made = b.matmul(b.reshape(x, matrix(x)), b.reshape(y, matrix(y)), { x: transposed });
      return b.reshape(made, [1, made.shape[2]!, 1, made.shape[3]!]);
    };
    return { writer, b, product };
  };
  return {
    ...{ rows, chunks, input, parts: Object.keys(gradients) },
    forward: forward(),
    backward: backward(),
    freshColumns: input.slots.table!.column,
  };

  function forward(): LayerProgram {
    const { writer, b, product } = open();
    const { xn, table: weights } = writer.inputs;
    const split = Math.max(form.split ?? 1, Math.ceil(dim / MOST_SUMMED));
    const logits = contract(b, xn!, { ...form, split }, (x, each) => {
      const own = each === null ? weights! : b.sliceBySize(weights!, [0, each.first, 0, 0], [1, each.count, 1, rows]);
      return product(own, x, true);
    });
    return writer.finish({ logits });
  }

  function backward(): LayerProgram {
    const { writer, b, product } = open();
    const weights = writer.inputs.table!;
    const sums = counts.map((count, index) => {
      const own = b.sliceBySize(weights, [0, 0, 0, index * part], [1, dim, 1, count]);
      return product(own, writer.inputs[`dy${index}`]!, false);
    });
    return writer.finish({ dx: sums.reduce((sum, each) => b.add(sum, each)) });
  }
}
