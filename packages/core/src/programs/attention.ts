import type { MilValue } from '../mil/graph.js';
import type { ProgramShape } from './program-shape.js';
import type { ProgramWriter } from './program-writer.js';

/** −65504 would do as well, but a score added to it could overflow. */
const MASKED = -10_000;

/** Queries [1, heads·headDim, 1, batch·sequence], keys and values [1, kvHeads·headDim, 1, batch·sequence]. */
export interface AttentionInputs {
  readonly q: MilValue;
  readonly k: MilValue;
  readonly v: MilValue;
}

/**
 * Causal grouped-query attention (Ainslie et al. 2023) within each window. Inside, matrices of a head are
 * [1, heads, headDim, sequence], or [heads, batch, headDim, sequence] for several windows: at most rank 4.
 */
export class Attention {
  readonly #program: ProgramWriter<string>;
  readonly #shape: ProgramShape;
  /** [1, 1, query, key]. */
  readonly #mask: MilValue;

  constructor(program: ProgramWriter<string>, shape: ProgramShape) {
    this.#program = program;
    this.#shape = shape;
    const { sequence } = shape;
    this.#mask = program.constant('mask', [1, 1, sequence, sequence], causalMask(sequence));
  }

  /** The attended values, [1, heads·headDim, 1, batch·sequence]. */
  forward({ q, k, v }: AttentionInputs): MilValue {
    const { builder: b } = this.#program;
    const probabilities = this.#probabilities(this.#scaled(q), this.#expanded(k));
    return this.#joined(b.matmul(this.#expanded(v), probabilities, { y: true }));
  }

  /** Gradients of q, k and v from `dAttended`, that of the result of `forward`. */
  backward({ q, k, v }: AttentionInputs, dAttended: MilValue): { dq: MilValue; dk: MilValue; dv: MilValue } {
    const { builder: b } = this.#program;
    const queries = this.#scaled(q);
    const keys = this.#expanded(k);
    const probabilities = this.#probabilities(queries, keys);
    const gradient = this.#separated(dAttended, this.#shape.heads);
    const dProbabilities = b.matmul(gradient, this.#expanded(v), { x: true });
    const weighted = b.reduceSum(b.mul(probabilities, dProbabilities), [3]);
    const dScores = b.mul(probabilities, b.sub(dProbabilities, weighted));
    const dQueries = b.mul(b.matmul(keys, dScores, { y: true }), this.#scale);
    return {
      dq: this.#joined(dQueries),
      dk: this.#reduced(b.matmul(queries, dScores)),
      dv: this.#reduced(b.matmul(gradient, probabilities)),
    };
  }

  get #scale(): number {
    return 1 / Math.sqrt(this.#shape.headDim);
  }

  /** Queries are scaled before the product, so that scores stay in the range of fp16. */
  #scaled(q: MilValue): MilValue {
    return this.#separated(this.#program.builder.mul(q, this.#scale), this.#shape.heads);
  }

  /** [.., query, key]. */
  #probabilities(queries: MilValue, keys: MilValue): MilValue {
    const { builder: b } = this.#program;
    return b.softmax(b.add(b.matmul(queries, keys, { x: true }), this.#mask), -1);
  }

  #separated(x: MilValue, heads: number): MilValue {
    const { builder: b } = this.#program;
    const { headDim, batch, sequence } = this.#shape;
    if (batch === 1) return b.reshape(x, [1, heads, headDim, sequence]);
    return b.transpose(b.reshape(x, [heads, headDim, batch, sequence]), [0, 2, 1, 3]);
  }

  #joined(x: MilValue): MilValue {
    const { builder: b } = this.#program;
    const { batch, sequence } = this.#shape;
    return b.reshape(batch === 1 ? x : b.transpose(x, [0, 2, 1, 3]), [1, -1, 1, batch * sequence]);
  }

  /** Every key/value head once for each of its query heads, which are neighbours. */
  #expanded(x: MilValue): MilValue {
    const { builder: b } = this.#program;
    const { heads, kvHeads, headDim, batch, sequence } = this.#shape;
    const own = this.#separated(x, kvHeads);
    if (heads === kvHeads) return own;
    const one = b.reshape(own, [kvHeads, 1, batch * headDim, sequence]);
    const copies = b.concat(Array<MilValue>(heads / kvHeads).fill(one), 1);
    return b.reshape(copies, batch === 1 ? [1, heads, headDim, sequence] : [heads, batch, headDim, sequence]);
  }

  /** Sums the gradients of the copies that `#expanded` made. */
  #reduced(x: MilValue): MilValue {
    const { builder: b } = this.#program;
    const { heads, kvHeads, headDim, batch, sequence } = this.#shape;
    if (heads === kvHeads) return this.#joined(x);
    const copies = b.reshape(x, [kvHeads, heads / kvHeads, batch * headDim, sequence]);
    const sum = b.reduceSum(copies, [1]);
    return this.#joined(
      b.reshape(sum, batch === 1 ? [1, kvHeads, headDim, sequence] : [kvHeads, batch, headDim, sequence]),
    );
  }
}

function causalMask(sequence: number): Float32Array {
  return Float32Array.from({ length: sequence * sequence }, (_, index) => {
    const query = Math.floor(index / sequence);
    return index % sequence > query ? MASKED : 0;
  });
}
