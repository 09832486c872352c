import type { MilValue } from '../mil/graph.js';
import { positionTable } from './continuation.js';
import type { LayerWriter, Operation } from './layer-graph.js';

/** −65504 would do as well, but a score added to it could overflow. */
const MASKED = -10_000;

/**
 * The probabilities of causal attention within each window, softmax(qᵀ·k/√headDim + mask): one matrix below the other, for each head
 * [queries, columns] with a column per key. With `slidingWindow` a query sees that many keys, its own the last. Queries are [1, heads·headDim, 1, columns], keys [1, kvHeads·headDim, 1, columns]
 * (grouped-query attention, Ainslie et al. 2023).
 */
export const attentionProbabilities = (
  to: string,
  {
    q,
    k,
    documents,
    isFull = false,
  }: {
    readonly q: string;
    readonly k: string;
    /**
     * Name of a row that the host gives, [1, 1, 1, columns]: the number of each token's document, which grows within a window.
     * Keys of other documents are masked. Default: a window is one document.
     */
    readonly documents?: string | undefined;
    /** Whether the layer leaves out the model's `slidingWindow`. Default: false. */
    readonly isFull?: boolean | undefined;
  },
): Operation => ({
  inputs: [q, k],
  outputs: [to],
  ...(documents !== undefined && { given: { [documents]: 1 } }),
  saved: [to, q, k],
  recomputed: true,
  forward(writer, values) {
    const { builder: b, shape } = writer;
    const causal = causalMask(writer, isFull);
    const mask = documents === undefined ? causal : b.add(documentMask(writer, values[documents]!), causal);
    const queries = scaled(writer, values[q]!);
    const scores = b.add(products(writer, queries, values[k]!), mask);
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
    return { [to]: joined(writer, mixture(writer, values[v]!, values[probabilities]!), writer.shape.heads) };
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

/** Queries times keys: for each head [queries, keys]. */
function products(writer: LayerWriter, queries: MilValue, k: MilValue): MilValue {
  const { builder: b, continuation } = writer;
  if (continuation === undefined) return b.matmul(queries, expanded(writer, k), { x: true });
  const [own, past] = [k, continuation.past(k)].map((keys) =>
    b.matmul(grouped(writer, queries), grouped(writer, separated(writer, keys, writer.shape.kvHeads)), { x: true }),
  );
  const joined = b.concat([past!, own!], 3);
  return b.reshape(joined, [1, writer.shape.heads, joined.shape[2]!, joined.shape[3]!]);
}

/** Values times probabilities: for each head [headDim, queries]. */
function mixture(writer: LayerWriter, v: MilValue, probabilities: MilValue): MilValue {
  const { builder: b, shape, continuation } = writer;
  if (continuation === undefined) {
    const own = expanded(writer, v);
    return b.matmul(own, separated(writer, probabilities, shape.heads), { y: true });
  }
  const weights = grouped(writer, separated(writer, probabilities, shape.heads));
  let first = 0;
  const [past, own] = [continuation.past(v), v].map((values) => {
    const columns = values.shape[3]!;
    const [groups, heads, queries] = weights.shape as [number, number, number, number];
    const part = b.sliceBySize(weights, [0, 0, 0, first], [groups, heads, queries, columns]);
    first += columns;
    return b.matmul(grouped(writer, separated(writer, values, shape.kvHeads)), part, { y: true });
  });
  const sum = b.add(past!, own!);
  return b.reshape(sum, [1, shape.heads, sum.shape[2]!, sum.shape[3]!]);
}

/**
 * Matrices of heads, or of the key/value heads that neighbours share, as [kvHeads, heads that share one, rows, columns]. Products
 * broadcast them: copies of all that was kept would cost more than the products.
 */
function grouped({ builder: b, shape: { kvHeads } }: LayerWriter, x: MilValue): MilValue {
  const [, heads, rows, columns] = x.shape as [number, number, number, number];
  return b.reshape(x, [kvHeads, heads / kvHeads, rows, columns]);
}

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
  const { batch } = shape;
  const rows = x.shape[1]! / heads;
  const sequence = x.shape[3]! / batch;
  if (batch === 1) return b.reshape(x, [1, heads, rows, sequence]);
  return b.transpose(b.reshape(x, [heads, rows, batch, sequence]), [0, 2, 1, 3]);
}

function joined({ builder: b, shape }: LayerWriter, x: MilValue, heads: number): MilValue {
  const { batch } = shape;
  const [, , rows, sequence] = x.shape as [number, number, number, number];
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

/** [1, batch, query, key]: keys of documents before the query's. Those after it are the causal mask's. */
function documentMask({ builder: b, shape: { batch, sequence } }: LayerWriter, documents: MilValue): MilValue {
  const ofQuery = b.reshape(documents, [1, batch, sequence, 1]);
  const ofKey = b.reshape(documents, [1, batch, 1, sequence]);
  return b.mul(b.minimum(b.relu(b.sub(ofQuery, ofKey)), 1), MASKED);
}

/** [1, 1, query, key]. */
function causalMask(writer: LayerWriter, isFull: boolean): MilValue {
  const { sequence, slidingWindow = Number.POSITIVE_INFINITY } = isFull
    ? { sequence: writer.shape.sequence }
    : writer.shape;
  return positionTable(
    writer,
    isFull ? 'fullMask' : 'mask',
    [1, 1, sequence, writer.continuation?.keys ?? sequence],
    ({ tokens, keys }) => {
      const values = new Float32Array(tokens.length * keys.length);
      for (const [row, query] of tokens.entries()) {
        for (let column = 0; column < keys.length; column++) {
          const key = keys[column]!;
          if (key > query || key <= query - slidingWindow) values[row * keys.length + column] = MASKED;
        }
      }
      return values;
    },
  );
}
