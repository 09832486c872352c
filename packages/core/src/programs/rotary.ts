import type { MilValue } from '../mil/graph.js';
import type { ProgramShape } from './program-shape.js';
import type { ProgramWriter } from './program-writer.js';

/**
 * Rotary position embedding (Su et al. 2021): pair i of each head at position p is turned by p·base^(−2i/headDim).
 * Parts are taken and joined beside the heads, never along the tokens: some chips reject that on the last axis.
 */
export class Rotary {
  readonly #program: ProgramWriter<string>;
  readonly #shape: ProgramShape;
  /** By number of heads. */
  readonly #tables = new Map<number, Tables>();

  constructor(program: ProgramWriter<string>, shape: ProgramShape) {
    this.#program = program;
    this.#shape = shape;
  }

  /** x and the result are [1, heads·headDim, 1, batch·sequence]. */
  rotate(x: MilValue): MilValue {
    const { builder: b } = this.#program;
    return this.#turn(x, ({ cosine, sine }, first, second) => [
      b.sub(b.mul(first, cosine), b.mul(second, sine)),
      b.add(b.mul(first, sine), b.mul(second, cosine)),
    ]);
  }

  /** The opposite rotation, which takes a gradient from after `rotate` to before it. */
  rotateBack(x: MilValue): MilValue {
    const { builder: b } = this.#program;
    return this.#turn(x, ({ cosine, sine }, first, second) => [
      b.add(b.mul(first, cosine), b.mul(second, sine)),
      b.sub(b.mul(second, cosine), b.mul(first, sine)),
    ]);
  }

  /** `turn` sees the first and the second of every pair as [heads, headDim/2, batch, sequence]. */
  #turn(x: MilValue, turn: (tables: Tables, first: MilValue, second: MilValue) => readonly MilValue[]): MilValue {
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
    return b.reshape(b.concat(turn(this.#tablesOf(heads), first, second), interleaved ? 2 : 1), x.shape);
  }

  #tablesOf(heads: number): Tables {
    const { headDim, sequence } = this.#shape;
    const known = this.#tables.get(heads);
    if (known !== undefined) return known;
    const suffix = heads === this.#shape.heads ? '' : 'Keys';
    const table = (name: string, of: (angle: number) => number) => {
      const values = angleTable(this.#shape, of);
      const repeated = new Float32Array(heads * values.length);
      for (let head = 0; head < heads; head++) repeated.set(values, head * values.length);
      return this.#program.constant(name + suffix, [heads, headDim / 2, 1, sequence], repeated);
    };
    const tables = { cosine: table('ropeCosine', Math.cos), sine: table('ropeSine', Math.sin) };
    this.#tables.set(heads, tables);
    return tables;
  }
}

/** [heads, headDim/2, 1, sequence], every head the same: the first axis is one that the Neural Engine does not broadcast well. */
interface Tables {
  readonly cosine: MilValue;
  readonly sine: MilValue;
}

/** [headDim/2, sequence]. */
function angleTable({ headDim, sequence, ropeBase }: ProgramShape, of: (angle: number) => number): Float32Array {
  return Float32Array.from({ length: (headDim / 2) * sequence }, (_, index) => {
    const pair = Math.floor(index / sequence);
    return of((index % sequence) * ropeBase ** ((-2 * pair) / headDim));
  });
}
