import type { MilValue } from '../mil/graph.js';
import type { LayerWriter, Operation } from './layer-graph.js';
import type { ProgramShape } from './shape.js';

/**
 * Rotary position embedding (Su et al. 2021) of queries or keys [1, heads·headDim, 1, columns]: pair i of each head at position p is
 * turned by p·base^(−2i/headDim).
 */
export const rotate = (to: string, from: string): Operation => ({
  inputs: [from],
  outputs: [to],
  forward: (writer, { [from]: x }) => ({
    [to]: turn(writer, x!, ({ cosine, sine }, first, second) => [
      writer.builder.sub(writer.builder.mul(first, cosine), writer.builder.mul(second, sine)),
      writer.builder.add(writer.builder.mul(first, sine), writer.builder.mul(second, cosine)),
    ]),
  }),
  // The opposite rotation.
  backward: (writer, { [to]: gradient }) => ({
    [from]: turn(writer, gradient!, ({ cosine, sine }, first, second) => [
      writer.builder.add(writer.builder.mul(first, cosine), writer.builder.mul(second, sine)),
      writer.builder.sub(writer.builder.mul(second, cosine), writer.builder.mul(first, sine)),
    ]),
  }),
});

/**
 * `turned` sees the first and the second of every pair as [heads, headDim/2, batch, sequence]. Parts are taken and joined beside
 * the heads, never along the tokens: some chips reject that on the last axis.
 */
function turn(
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

function tablesFor({ shape, constant }: LayerWriter, heads: number): Tables {
  const { headDim, sequence } = shape;
  const suffix = heads === shape.heads ? '' : heads === shape.kvHeads ? 'Keys' : `${heads}`;
  const table = (name: string, of: (angle: number) => number) =>
    constant(name + suffix, [heads, headDim / 2, 1, sequence], () => {
      const values = angleTable(shape, of);
      const repeated = new Float32Array(heads * values.length);
      for (let head = 0; head < heads; head++) repeated.set(values, head * values.length);
      return repeated;
    });
  return { cosine: table('ropeCosine', Math.cos), sine: table('ropeSine', Math.sin) };
}

/** [headDim/2, sequence]. */
function angleTable({ headDim, sequence, ropeBase }: ProgramShape, of: (angle: number) => number): Float32Array {
  return Float32Array.from({ length: (headDim / 2) * sequence }, (_, index) => {
    const pair = Math.floor(index / sequence);
    return of((index % sequence) * ropeBase ** ((-2 * pair) / headDim));
  });
}
