import type { MilValue } from '../mil/mil-graph.js';
import type { KernelProgram } from './kernel-program.js';
import type { KernelShape } from './kernel-shape.js';

/**
 * Rotary position embedding (Su et al. 2021): pair i of each head at position p is turned by p·base^(−2i/headDim).
 * Parts are taken and joined beside the heads, never along the tokens: some chips reject that on the last axis.
 */
export class Rotary {
  readonly #program: KernelProgram<string>;
  readonly #shape: KernelShape;
  /** [1, headDim/2, 1, sequence]: the same for every head and window. */
  readonly #cosine: MilValue;
  readonly #sine: MilValue;

  constructor(program: KernelProgram<string>, shape: KernelShape) {
    this.#program = program;
    this.#shape = shape;
    const table = [1, shape.headDim / 2, 1, shape.sequence];
    this.#cosine = program.constant('ropeCosine', table, angleTable(shape, Math.cos));
    this.#sine = program.constant('ropeSine', table, angleTable(shape, Math.sin));
  }

  /** x and the result are [1, heads·headDim, 1, batch·sequence]. */
  rotate(x: MilValue): MilValue {
    const { builder: b } = this.#program;
    return this.#turn(x, (first, second) => [
      b.sub(b.mul(first, this.#cosine), b.mul(second, this.#sine)),
      b.add(b.mul(first, this.#sine), b.mul(second, this.#cosine)),
    ]);
  }

  /** The opposite rotation, which takes a gradient from after `rotate` to before it. */
  rotateBack(x: MilValue): MilValue {
    const { builder: b } = this.#program;
    return this.#turn(x, (first, second) => [
      b.add(b.mul(first, this.#cosine), b.mul(second, this.#sine)),
      b.sub(b.mul(second, this.#cosine), b.mul(first, this.#sine)),
    ]);
  }

  /** `turn` sees the first and the second of every pair as [heads, headDim/2, batch, sequence]. */
  #turn(x: MilValue, turn: (first: MilValue, second: MilValue) => readonly MilValue[]): MilValue {
    const { builder: b } = this.#program;
    const { headDim, batch, sequence, ropePairing } = this.#shape;
    const heads = x.shape[1]! / headDim;
    // Interleaved, the two of a pair are neighbours, so that they lie behind each other on the axis of the windows.
    const interleaved = ropePairing === 'interleaved';
    const pairs = b.reshape(
      x,
      interleaved ? [heads, headDim / 2, 2 * batch, sequence] : [heads, headDim, batch, sequence],
    );
    const part = [heads, headDim / 2, batch, sequence];
    const first = b.sliceBySize(pairs, [0, 0, 0, 0], part);
    const second = b.sliceBySize(pairs, interleaved ? [0, 0, batch, 0] : [0, headDim / 2, 0, 0], part);
    return b.reshape(b.concat(turn(first, second), interleaved ? 2 : 1), x.shape);
  }
}

/** [headDim/2, sequence]. */
function angleTable({ headDim, sequence, ropeBase }: KernelShape, of: (angle: number) => number): Float32Array {
  return Float32Array.from({ length: (headDim / 2) * sequence }, (_, index) => {
    const pair = Math.floor(index / sequence);
    return of((index % sequence) * ropeBase ** ((-2 * pair) / headDim));
  });
}
