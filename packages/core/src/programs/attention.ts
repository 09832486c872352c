import type { MilValue } from '../mil/graph.js';
import type { LayerWriter, Operation } from './layer-graph.js';

/** −65504 would do as well, but a score added to it could overflow. */
const MASKED = -10_000;

/** Names of the values that `attend` reads. */
export interface AttentionInputs {
  /** [1, heads·headDim, 1, columns]. */
  readonly q: string;
  /** [1, kvHeads·headDim, 1, columns]. */
  readonly k: string;
  /** [1, kvHeads·headDim, 1, columns]. */
  readonly v: string;
}

/**
 * Causal grouped-query attention (Ainslie et al. 2023) within each window: softmax(qᵀ·k/√headDim + mask)·v, [1, heads·headDim, 1,
 * columns]. The backward pass computes the softmax again.
 */
export const attend = (to: string, { q, k, v }: AttentionInputs): Operation => ({
  inputs: [q, k, v],
  outputs: [to],
  saved: [q, k, v],
  forward(writer, values) {
    const { builder: b, shape } = writer;
    const mask = causalMask(writer);
    const probabilities = attentionWeights(writer, mask, scaled(writer, values[q]!), expanded(writer, values[k]!));
    return { [to]: joined(writer, b.matmul(expanded(writer, values[v]!), probabilities, { y: true }), shape.heads) };
  },
  backward(writer, gradients, saved) {
    const { builder: b, shape } = writer;
    const mask = causalMask(writer);
    const queries = scaled(writer, saved[q]!);
    const keys = expanded(writer, saved[k]!);
    const probabilities = attentionWeights(writer, mask, queries, keys);
    const gradient = separated(writer, gradients[to]!, shape.heads);
    const dProbabilities = b.matmul(gradient, expanded(writer, saved[v]!), { x: true });
    const weighted = b.reduceSum(b.mul(probabilities, dProbabilities), [3]);
    const dScores = b.mul(probabilities, b.sub(dProbabilities, weighted));
    return {
      [q]: joined(writer, b.mul(b.matmul(keys, dScores, { y: true }), 1 / Math.sqrt(shape.headDim)), shape.heads),
      [k]: reduced(writer, b.matmul(queries, dScores)),
      [v]: reduced(writer, b.matmul(gradient, probabilities)),
    };
  },
});

// Inside, matrices of a head are [1, heads, headDim, sequence], or [heads, batch, headDim, sequence] for several windows: at most
// rank 4.

/** Queries are scaled before the product, so that scores stay in the range of fp16. */
const scaled = (writer: LayerWriter, q: MilValue): MilValue =>
  separated(writer, writer.builder.mul(q, 1 / Math.sqrt(writer.shape.headDim)), writer.shape.heads);

/** [.., query, key]. */
const attentionWeights = ({ builder: b }: LayerWriter, mask: MilValue, queries: MilValue, keys: MilValue): MilValue =>
  b.softmax(b.add(b.matmul(queries, keys, { x: true }), mask), -1);

function separated({ builder: b, shape }: LayerWriter, x: MilValue, heads: number): MilValue {
  const { headDim, batch, sequence } = shape;
  if (batch === 1) return b.reshape(x, [1, heads, headDim, sequence]);
  return b.transpose(b.reshape(x, [heads, headDim, batch, sequence]), [0, 2, 1, 3]);
}

function joined({ builder: b, shape }: LayerWriter, x: MilValue, heads: number): MilValue {
  const { headDim, batch, sequence } = shape;
  return b.reshape(batch === 1 ? x : b.transpose(x, [0, 2, 1, 3]), [1, heads * headDim, 1, batch * sequence]);
}

/** Every key/value head once for each of its query heads, which are neighbours. */
function expanded(writer: LayerWriter, x: MilValue): MilValue {
  const { builder: b, shape } = writer;
  const { heads, kvHeads, headDim, batch, sequence } = shape;
  const own = separated(writer, x, kvHeads);
  if (heads === kvHeads) return own;
  const one = b.reshape(own, [kvHeads, 1, batch * headDim, sequence]);
  const copies = b.concat(Array<MilValue>(heads / kvHeads).fill(one), 1);
  return b.reshape(copies, batch === 1 ? [1, heads, headDim, sequence] : [heads, batch, headDim, sequence]);
}

/** Sums the gradients of the copies that `expanded` made. */
function reduced(writer: LayerWriter, x: MilValue): MilValue {
  const { builder: b, shape } = writer;
  const { heads, kvHeads, headDim, batch, sequence } = shape;
  if (heads === kvHeads) return joined(writer, x, heads);
  const copies = b.reshape(x, [kvHeads, heads / kvHeads, batch * headDim, sequence]);
  const sum = b.reshape(
    b.reduceSum(copies, [1]),
    batch === 1 ? [1, kvHeads, headDim, sequence] : [kvHeads, batch, headDim, sequence],
  );
  return joined(writer, sum, kvHeads);
}

/** [1, 1, query, key]. */
function causalMask({ shape: { sequence }, constant }: LayerWriter): MilValue {
  return constant('mask', [1, 1, sequence, sequence], () =>
    Float32Array.from({ length: sequence * sequence }, (_, index) => {
      const query = Math.floor(index / sequence);
      return index % sequence > query ? MASKED : 0;
    }),
  );
}
