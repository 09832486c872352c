import type { MilValue } from '../mil/graph.js';
import { ropeTurns } from '../model/rope.js';
import { type Positions, positionTable } from './continuation.js';
import type { LayerWriter, Operation } from './layer-graph.js';
import type { ProgramShape } from './shape.js';

/**
 * Rotary position embedding (Su et al. 2021) of queries or keys [1, heads·headDim, 1, columns]: pair i of each head at position p is
 * turned by p·base^(−2i/headDim), or as the model's `ropeScaling` has it. The gradient is turned back.
 */
export const rotate = (to: string, from: string): Operation => ({
  inputs: [from],
  outputs: [to],
  forward: (writer, { [from]: x }) => ({ [to]: turned(writer, x!, 'forth') }),
  backward: (writer, { [to]: gradient }) => ({ [from]: turned(writer, gradient!, 'back') }),
});

type Direction = 'forth' | 'back';

function turned(writer: LayerWriter, x: MilValue, direction: Direction): MilValue {
  const { builder: b, form } = writer;
  if (form.rope === undefined || form.rope === 'slice') return turnedBySlices(writer, x, direction);
  // A turn is x·cosine + q·sine, where q is x after a quarter of a turn.
  const { cosine, sine } = channelTables(writer, x.shape[1]!);
  const quarter = form.rope === 'reshape' ? quarterByReshape(writer, x) : quarterByProduct(writer, x);
  const parts = [b.mul(x, cosine), b.mul(quarter, sine)] as const;
  return direction === 'forth' ? b.add(...parts) : b.sub(...parts);
}

/** The two of a pair on an axis of their own, which is sliced, joined in the other order, and given back. */
function quarterByReshape({ builder: b, shape }: LayerWriter, x: MilValue): MilValue {
  const { headDim, ropePairing } = shape;
  const [, channels, , columns] = x.shape as [number, number, number, number];
  const [outer, inner] = ropePairing === 'interleaved' ? [channels / 2, 1] : [channels / headDim, headDim / 2];
  const pairs = b.reshape(x, [outer, 2, inner, columns]);
  const part = [outer, 1, inner, columns];
  const first = b.sliceBySize(pairs, [0, 0, 0, 0], part);
  const second = b.sliceBySize(pairs, [0, 1, 0, 0], part);
  return b.reshape(b.concat([b.mul(second, -1), first], 1), x.shape);
}

/** The channels of each head times a permutation matrix with signs. */
function quarterByProduct({ builder: b, shape, constant }: LayerWriter, x: MilValue): MilValue {
  const { headDim, ropePairing } = shape;
  const [, channels, , columns] = x.shape as [number, number, number, number];
  const matrix = constant('ropeQuarter', [1, 1, headDim, headDim], () => {
    const values = new Float32Array(headDim * headDim);
    for (let pair = 0; pair < headDim / 2; pair++) {
      const [first, second] = ropePairing === 'interleaved' ? [2 * pair, 2 * pair + 1] : [pair, pair + headDim / 2];
      values[first * headDim + second] = -1;
      values[second * headDim + first] = 1;
    }
    return values;
  });
  return b.reshape(b.matmul(matrix, b.reshape(x, [1, channels / headDim, headDim, columns])), x.shape);
}

/** By slices, where the two of a pair are turned apart from each other. */
function turnedBySlices(writer: LayerWriter, x: MilValue, direction: Direction): MilValue {
  const { builder: b } = writer;
  return turnPairs(writer, x, ({ cosine, sine }, first, second) =>
    direction === 'forth'
      ? [b.sub(b.mul(first, cosine), b.mul(second, sine)), b.add(b.mul(first, sine), b.mul(second, cosine))]
      : [b.add(b.mul(first, cosine), b.mul(second, sine)), b.sub(b.mul(second, cosine), b.mul(first, sine))],
  );
}

/**
 * `turned` sees the first and the second of every pair as [heads, headDim/2, batch, sequence]. Parts are taken and joined beside
 * the heads, never along the tokens: some chips reject that on the last axis.
 */
function turnPairs(
  writer: LayerWriter,
  x: MilValue,
  turned: (tables: Tables, first: MilValue, second: MilValue) => readonly MilValue[],
): MilValue {
  const { builder: b, shape } = writer;
  const { headDim, batch, sequence, ropePairing } = shape;
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
  return b.reshape(b.concat(turned(tablesFor(writer, heads), first, second), interleaved ? 2 : 1), x.shape);
}

/** [heads, headDim/2, 1, sequence], every head the same: the first axis is one that the Neural Engine does not broadcast well. */
interface Tables {
  readonly cosine: MilValue;
  readonly sine: MilValue;
}

function tablesFor(writer: LayerWriter, heads: number): Tables {
  const { shape } = writer;
  const { headDim, sequence } = shape;
  const suffix = heads === shape.heads ? '' : heads === shape.kvHeads ? 'Keys' : `${heads}`;
  const table = (name: string, of: (angle: number) => number) =>
    positionTable(writer, name + suffix, [heads, headDim / 2, 1, sequence], (positions) => {
      const values = angleTable(shape, positions, of);
      const repeated = new Float32Array(heads * values.length);
      for (let head = 0; head < heads; head++) repeated.set(values, head * values.length);
      return repeated;
    });
  return { cosine: table('ropeCosine', Math.cos), sine: table('ropeSine', Math.sin) };
}

/** [1, channels, 1, columns]: the value of each channel's pair. */
function channelTables(writer: LayerWriter, channels: number): Tables {
  const { shape } = writer;
  const { headDim, batch, sequence, ropePairing } = shape;
  const columns = batch * sequence;
  const table = (name: string, of: (angle: number) => number) =>
    positionTable(writer, `${name}Channels${channels}`, [1, channels, 1, columns], (positions) => {
      const values = angleTable(shape, positions, of);
      return Float32Array.from({ length: channels * columns }, (_, index) => {
        const channel = Math.floor(index / columns) % headDim;
        const pair = ropePairing === 'interleaved' ? channel >> 1 : channel % (headDim / 2);
        return values[pair * sequence + (index % sequence)]!;
      });
    });
  return { cosine: table('ropeCosine', Math.cos), sine: table('ropeSine', Math.sin) };
}

/** [headDim/2, positions]. */
function angleTable(shape: ProgramShape, { tokens, context }: Positions, of: (angle: number) => number): Float32Array {
  const { frequencies, scale } = ropeTurns(shape, context);
  return Float32Array.from({ length: frequencies.length * tokens.length }, (_, index) => {
    const pair = Math.floor(index / tokens.length);
    return scale * of(tokens[index % tokens.length]! * frequencies[pair]!);
  });
}
