import type { MilValue } from '../mil/graph.js';
import type { LayerWriter, Operation } from './layer-graph.js';
import { inverseRms } from './rms-norm.js';

/**
 * RMSNorm of every head of queries or keys [1, heads·headDim, 1, columns] with one weight for all heads, a vector parameter
 * [headDim], as Qwen 3 has it between projection and rotation (Henry et al. 2020, "Query-Key Normalization").
 */
export const normalizeHeads = (to: string, parameter: string, from: string): Operation => ({
  inputs: [from],
  outputs: [to],
  saved: [from],
  gradients: [{ parameter, dy: `d${parameter}` }],
  forward(writer, { [from]: x }) {
    const { builder: b } = writer;
    return { [to]: b.reshape(b.mul(unitHeads(writer, x!).unit, weightOf(writer, parameter)), x!.shape) };
  },
  backward(writer, { [to]: gradient }, { [from]: x }) {
    const { builder: b, shape } = writer;
    const { unit, scale } = unitHeads(writer, x!);
    const dOut = heads(writer, gradient!);
    const dUnit = b.mul(dOut, weightOf(writer, parameter));
    // Along a head itself a gradient changes nothing.
    const along = b.mul(b.reduceSum(b.mul(dUnit, unit), [2]), 1 / shape.headDim);
    return {
      [from]: b.reshape(b.mul(b.sub(dUnit, b.mul(unit, along)), scale), x!.shape),
      [`d${parameter}`]: b.reshape(b.reduceSum(b.mul(dOut, unit), [1]), [1, shape.headDim, 1, x!.shape[3]!]),
    };
  },
});

/** Heads of length 1 in the root mean square, [1, heads, headDim, columns], and the factor that made them so. */
function unitHeads(writer: LayerWriter, x: MilValue): { readonly unit: MilValue; readonly scale: MilValue } {
  const { builder: b, shape } = writer;
  const own = heads(writer, x);
  const scale = inverseRms(b, own, 2, shape.eps);
  return { unit: b.mul(own, scale), scale };
}

const heads = ({ builder, shape }: LayerWriter, x: MilValue): MilValue =>
  builder.reshape(x, [1, x.shape[1]! / shape.headDim, shape.headDim, x.shape[3]!]);

const weightOf = ({ builder, shape, vector }: LayerWriter, parameter: string): MilValue =>
  builder.reshape(vector(parameter), [1, 1, shape.headDim, 1]);
