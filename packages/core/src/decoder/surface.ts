import { addon, type InputPart, type InputReuse, type NativeArena } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { Slot, Surface } from '../programs/shape.js';

/** An fp16 matrix in the arena; the stride counts elements. */
export interface Matrix {
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
}

/** Exponent bits of fp16: all are set in infinities and NaN, and in nothing else. */
const EXPONENT = 0x7c00;

/** The last generation that was given to contents, of all surfaces. */
let lastGeneration = 0;

/** Generations are 32-bit numbers, from 1: none of so long ago is in use when they begin anew. */
const nextGeneration = () => {
  lastGeneration = (lastGeneration % (2 ** 32 - 1)) + 1;
  return lastGeneration;
};

/** A kernel's input or output surface, placed in the arena. */
export class SurfaceTensor {
  /** Of the columns from `#fresh` on, or of an output that is read in place; 0: none. */
  #generation = 0;
  #fresh: number;
  #isReadInPlace = false;
  readonly #layout: Surface<string>;
  readonly #output: SurfaceTensor | undefined;

  /** @param output The output whose first rows it is: kernels read it in place. */
  constructor(
    layout: Surface<string>,
    readonly tensor: Tensor<'fp16'>,
    output?: SurfaceTensor,
  ) {
    this.#layout = layout;
    this.#fresh = layout.width;
    this.#output = output;
    if (output !== undefined) output.#isReadInPlace = true;
  }

  static allocate(source: TensorSource, layout: Surface<string>): SurfaceTensor {
    return new SurfaceTensor(layout, source.tensor('fp16', [1, layout.channels, 1, layout.width]));
  }

  /** What a device that copies inputs need not copy again. `parts`: all that the program reads beside weights. */
  reuse(parts?: readonly InputPart[]): InputReuse {
    const made = this.#output === undefined ? 0 : this.#output.#generation;
    if (made !== 0) return { freshColumns: 0, generation: made };
    return { freshColumns: this.#fresh, generation: this.#generation, parts };
  }

  /** All columns from `column` on were just written, and will not be again until the next call. */
  rewrittenFrom(column: number): void {
    this.#fresh = column;
    this.#generation = nextGeneration();
  }

  /** The generation of an output that is about to be written; undefined where no kernel reads it in place. */
  written(): number | undefined {
    if (!this.#isReadInPlace) return undefined;
    this.#generation = nextGeneration();
    return this.#generation;
  }

  /** A matrix as the part of this input that a slot names. */
  part(name: string, from: Matrix): InputPart {
    const to = this.slot(name);
    return {
      from: from.offset,
      fromStride: 2 * from.stride,
      at: to.offset - this.tensor.offset,
      rows: to.rows,
      rowBytes: 2 * to.columns,
    };
  }

  has(name: string): boolean {
    return name in this.#layout.slots;
  }

  /** The first slot with a value that is not finite, by name; undefined where all are. */
  overflow(): string | undefined {
    const bits = this.tensor.bits();
    return Object.entries(this.#layout.slots).find(([, { row, column, rows, columns }]) => {
      for (let start = row * this.#layout.width + column, left = rows; left > 0; start += this.#layout.width, left--) {
        if (bits.subarray(start, start + columns).some((value) => (value & EXPONENT) === EXPONENT)) return true;
      }
      return false;
    })?.[0];
  }

  /** A copy of a slot's elements as numbers, row by row. */
  values(name: string): Float32Array {
    const { row, column, rows, columns } = this.#layout.slots[name]!;
    const { width } = this.#layout;
    const copy = new Float32Array(rows * columns);
    for (let index = 0; index < rows; index++) {
      const part = this.tensor.at((row + index) * width + column, [columns]);
      copy.set(part.values(), index * columns);
    }
    return copy;
  }

  /** Rows of the surface down to the last of a slot. */
  rowsThrough(name: string): number {
    const { row, rows } = this.#layout.slots[name]!;
    return row + rows;
  }

  slot(name: string): Matrix {
    const slot = this.#layout.slots[name];
    if (slot === undefined) throw new RangeError(`Expected a slot of the surface, got ${name}`);
    return this.matrix(slot);
  }

  matrix({ row, column, rows, columns }: Slot): Matrix {
    const stride = this.#layout.width;
    return { offset: this.tensor.offset + 2 * (row * stride + column), stride, rows, columns };
  }
}

/** Surfaces that blocks of one kind share, or have one each. */
export class SurfaceRing {
  readonly #source: TensorSource;
  readonly #made = new Map<Surface<string>, { readonly surfaces: SurfaceTensor[]; last: number }>();

  constructor(source: TensorSource) {
    this.#source = source;
  }

  /** A surface of this layout: a new one until there are `most`, then those in turn. */
  next(layout: Surface<string>, most: number): SurfaceTensor {
    const ring = this.#made.get(layout) ?? { surfaces: [], last: -1 };
    this.#made.set(layout, ring);
    const { surfaces } = ring;
    // Blocks that share one, such as frozen ones, may come before blocks with one each.
    if (surfaces.length < most) ring.last = surfaces.push(SurfaceTensor.allocate(this.#source, layout)) - 1;
    else ring.last = (ring.last + 1) % surfaces.length;
    return surfaces[ring.last]!;
  }
}

/** Copies an fp16 matrix to another place. */
export function copyMatrix(arena: NativeArena, from: Matrix, to: Matrix): void {
  addon.math.copyRows(arena, rowsOf(from, to));
}

/** The rows of an fp16 matrix, to be copied to another place. */
export const rowsOf = (from: Matrix, to: Matrix) => ({
  from: from.offset,
  fromStride: 2 * from.stride,
  to: to.offset,
  toStride: 2 * to.stride,
  rows: from.rows,
  rowBytes: 2 * from.columns,
});
