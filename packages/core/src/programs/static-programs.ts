import type { MilOptions } from '../mil/graph.js';
import type { ProgramShape } from './program-shape.js';
import { type StaticLayerProgram, StaticWriter } from './static-writer.js';

export interface StaticPrograms {
  /** From x to sum = x + attention(norm(x)). */
  readonly attentionForward: StaticLayerProgram<'x', 'sum' | 'xn' | 'q' | 'k' | 'v' | 'attn'>;
  /** From x to sum = x + feedForward(norm(x)). */
  readonly feedForwardForward: StaticLayerProgram<'x', 'sum' | 'xn' | 'h1' | 'h3' | 'gate'>;
  readonly attentionBackward: StaticLayerProgram<'dy' | 'q' | 'k' | 'v', 'dxn' | 'dq' | 'dk' | 'dv'>;
  readonly feedForwardBackward: StaticLayerProgram<'dy' | 'h1' | 'h3', 'dxn' | 'dh1' | 'dh3'>;
}

/**
 * The programs of a decoder layer whose weights are constants. Surfaces are as wide as a dispatch has tokens. The forward
 * programs include RMSNorm and the residual sum, whose slot comes first, so that the next program can read it in place.
 * The backward programs lead from the gradient of the sum (`dy`) to that of the normalized input (`dxn`), with transposed
 * copies of the weights; the rest of the way is host math.
 */
export function staticPrograms(shape: ProgramShape, options: MilOptions = {}): StaticPrograms {
  return {
    attentionForward: attentionForward(shape, options),
    feedForwardForward: feedForwardForward(shape, options),
    attentionBackward: attentionBackward(shape, options),
    feedForwardBackward: feedForwardBackward(shape, options),
  };
}

function attentionForward(shape: ProgramShape, options: MilOptions): StaticPrograms['attentionForward'] {
  const program = new StaticWriter({ x: shape.dim }, shape, options);
  const { x } = program.inputs;
  const xn = program.normalize('attentionNorm', x);
  const { o, ...taps } = program.graph.attention(xn);
  return program.finish({ sum: program.builder.add(x, o), xn, ...taps });
}

function feedForwardForward(shape: ProgramShape, options: MilOptions): StaticPrograms['feedForwardForward'] {
  const program = new StaticWriter({ x: shape.dim }, shape, options);
  const { x } = program.inputs;
  const xn = program.normalize('feedForwardNorm', x);
  const { o, ...taps } = program.graph.feedForward(xn);
  return program.finish({ sum: program.builder.add(x, o), xn, ...taps });
}

function attentionBackward(shape: ProgramShape, options: MilOptions): StaticPrograms['attentionBackward'] {
  const { dim, heads, kvHeads, headDim } = shape;
  const keys = kvHeads * headDim;
  const program = new StaticWriter({ dy: dim, q: heads * headDim, k: keys, v: keys }, shape, options);
  return program.finish(program.graph.attentionBackward(program.inputs));
}

function feedForwardBackward(shape: ProgramShape, options: MilOptions): StaticPrograms['feedForwardBackward'] {
  const { dim, hidden } = shape;
  const program = new StaticWriter({ dy: dim, h1: hidden, h3: hidden }, shape, options);
  return program.finish(program.graph.feedForwardBackward(program.inputs));
}
