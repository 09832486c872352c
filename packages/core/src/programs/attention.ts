import type { MilValue } from '../mil/graph.js';
import type { LayerWriter, Operation } from './layer-graph.js';

/** −65504 would do as well, but a score added to it could overflow. */
const MASKED = -10_000;

/**
 * The probabilities of causal attention within each window, softmax(qᵀ·k/√headDim + mask): one matrix below the other, for each head
 * [queries, columns] with a column per key. Queries are [1, heads·headDim, 1, columns], keys [1, kvHeads·headDim, 1, columns]
 * (grouped-query attention, Ainslie et al. 2023).
 */
export const attentionProbabilities = (
  to: string,
  { q, k }: { readonly q: string; readonly k: string },
): Operation => ({
  inputs: [q, k],
  outputs: [to],
  saved: [to, q, k],
  recomputed: true,
  forward(writer, values) {
    const { builder: b, shape } = writer;
    const mask = causalMask(writer);
    const queries = scaled(writer, values[q]!);
    const scores = b.add(b.matmul(queries, expanded(writer, values[k]!), { x: true }), mask);
    return { [to]: joined(writer, b.softmax(scores, -1), shape.heads) };
  },
  backward(writer, { [to]: gradient }, saved) {
    const { builder: b, shape } = writer;
    const queries = scaled(writer, saved[q]!);
    const keys = expanded(writer, saved[k]!);
    const probabilities = separated(writer, saved[to]!, shape.heads);
    const dProbabilities = separated(writer, gradient!, shape.heads);
    const weighted = b.reduceSum(b.mul(probabilities, dProbabilities), [3]);
    const dScores = b.mul(probabilities, b.sub(dProbabilities, weighted));
    return {
      [q]: joined(writer, b.mul(b.matmul(keys, dScores, { y: true }), 1 / Math.sqrt(shape.headDim)), shape.heads),
      [k]: reduced(writer, b.matmul(queries, dScores)),
    };
  },
});

/**
 * Values [1, kvHeads·headDim, 1, columns], mixed by the probabilities that `attentionProbabilities` makes: [1, heads·headDim, 1,
 * columns].
 */
export const attentionMix = (
  to: string,
  { probabilities, v }: { readonly probabilities: string; readonly v: string },
): Operation => ({
  inputs: [probabilities, v],
  outputs: [to],
  saved: [probabilities, v],
  forward(writer, values) {
    const { builder: b, shape } = writer;
    const own = expanded(writer, values[v]!);
    const weights = separated(writer, values[probabilities]!, shape.heads);
    return { [to]: joined(writer, b.matmul(own, weights, { y: true }), shape.heads) };
  },
  backward(writer, { [to]: mixed }, saved) {
    const { builder: b, shape } = writer;
    const gradient = separated(writer, mixed!, shape.heads);
    const dProbabilities = b.matmul(gradient, expanded(writer, saved[v]!), { x: true });
    const weights = separated(writer, saved[probabilities]!, shape.heads);
    return {
      [probabilities]: joined(writer, dProbabilities, shape.heads),
      [v]: reduced(writer, b.matmul(gradient, weights)),
    };
  },
});

// Inside, matrices of a head are [1, heads, rows, sequence], or [heads, batch, rows, sequence] for several windows: at most rank 4.
// Both operations take the same values apart: in one program each is taken apart once, and not at all where it was just joined.

type Shaped = (writer: LayerWriter, x: MilValue) => MilValue;

function once(shape: Shaped): Shaped {
  const known = new WeakMap<MilValue, MilValue>();
  return (writer, x) => {
    const result = known.get(x) ?? shape(writer, x);
    known.set(x, result);
    return result;
  };
}

const parts = new WeakMap<MilValue, MilValue>();

/** Queries are scaled before the product, so that scores stay in the range of fp16. */
const scaled = once((writer, q) =>
  separated(writer, writer.builder.mul(q, 1 / Math.sqrt(writer.shape.headDim)), writer.shape.heads),
);

/** Every key/value head once for each of its query heads, which are neighbours. */
const expanded = once((writer, x) => {
  const { builder: b, shape } = writer;
  const { heads, kvHeads, headDim, batch, sequence } = shape;
  const own = separated(writer, x, kvHeads);
  if (heads === kvHeads) return own;
  const one = b.reshape(own, [kvHeads, 1, batch * headDim, sequence]);
  const copies = b.concat(Array<MilValue>(heads / kvHeads).fill(one), 1);
  return b.reshape(copies, batch === 1 ? [1, heads, headDim, sequence] : [heads, batch, headDim, sequence]);
});

function separated({ builder: b, shape }: LayerWriter, x: MilValue, heads: number): MilValue {
  const known = parts.get(x);
  if (known !== undefined) return known;
  const { batch, sequence } = shape;
  const rows = x.shape[1]! / heads;
  if (batch === 1) return b.reshape(x, [1, heads, rows, sequence]);
  return b.transpose(b.reshape(x, [heads, rows, batch, sequence]), [0, 2, 1, 3]);
}

function joined({ builder: b, shape }: LayerWriter, x: MilValue, heads: number): MilValue {
  const { batch, sequence } = shape;
  const rows = x.shape[2]!;
  const result = b.reshape(batch === 1 ? x : b.transpose(x, [0, 2, 1, 3]), [1, heads * rows, 1, batch * sequence]);
  parts.set(result, x);
  return result;
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
