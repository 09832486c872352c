import type { MilOptions } from '../mil/graph.js';
import { type DynamicLayerProgram, DynamicWriter, packedSize } from './dynamic-writer.js';
import { packSurface } from './pack-surface.js';
import type { ProgramShape, Surface } from './program-shape.js';

type AttentionSlot = 'xn' | 'dy' | 'q' | 'k' | 'v' | 'wq' | 'wo' | 'wk' | 'wv';
type FeedForwardSlot = 'xn' | 'dy' | 'h1' | 'h3' | 'w1' | 'w3' | 'w2';

export interface DynamicPrograms {
  /** Reads xn and the weights. */
  readonly attentionForward: DynamicLayerProgram<AttentionSlot, 'o' | 'q' | 'k' | 'v' | 'attn'>;
  /** Reads xn and the weights. */
  readonly feedForwardForward: DynamicLayerProgram<FeedForwardSlot, 'o' | 'h1' | 'h3' | 'gate'>;
  /** Reads dy, q, k, v and the weights. */
  readonly attentionBackward: DynamicLayerProgram<AttentionSlot, 'dxn' | 'dq' | 'dk' | 'dv'>;
  /** Reads dy, h1, h3 and the weights. */
  readonly feedForwardBackward: DynamicLayerProgram<FeedForwardSlot, 'dxn' | 'dh1' | 'dh3'>;
}

/** Widths that are no multiple of it were seen to give wrong data on the Neural Engine. */
const WIDTH_MULTIPLE = 32;

/**
 * The programs of a decoder layer whose weights are packed in the input: the same four serve every layer. Each half has one
 * surface for both its programs, so that weights are written once per update. Norms and residual sums are host math: the
 * forward programs lead from the normalized input `xn` to the half's output `o`, the backward ones from the gradient of
 * `o` (`dy`) to that of `xn` (`dxn`).
 */
export function dynamicPrograms(shape: ProgramShape, options: MilOptions = {}): DynamicPrograms {
  const attention = attentionSurface(shape);
  const feedForward = feedForwardSurface(shape);
  const openAttention = () => new DynamicWriter(attention, ['wq', 'wo', 'wk', 'wv'], shape, options);
  const openFeedForward = () => new DynamicWriter(feedForward, ['w1', 'w3', 'w2'], shape, options);
  const [attentionUp, attentionDown] = [openAttention(), openAttention()];
  const [feedForwardUp, feedForwardDown] = [openFeedForward(), openFeedForward()];
  return {
    attentionForward: attentionUp.finish(attentionUp.graph.attention(attentionUp.inputs.xn)),
    feedForwardForward: feedForwardUp.finish(feedForwardUp.graph.feedForward(feedForwardUp.inputs.xn)),
    attentionBackward: attentionDown.finish(attentionDown.graph.attentionBackward(attentionDown.inputs)),
    feedForwardBackward: feedForwardDown.finish(feedForwardDown.graph.feedForwardBackward(feedForwardDown.inputs)),
  };
}

function attentionSurface(shape: ProgramShape): Surface<AttentionSlot> {
  const { dim, heads, kvHeads, headDim, batch, sequence } = shape;
  const columns = batch * sequence;
  const queries = heads * headDim;
  const keys = kvHeads * headDim;
  const matrices = {
    xn: [dim, columns],
    dy: [dim, columns],
    q: [queries, columns],
    k: [keys, columns],
    v: [keys, columns],
    wq: packedSize(shape, 'wq'),
    wo: packedSize(shape, 'wo'),
    wk: packedSize(shape, 'wk'),
    wv: packedSize(shape, 'wv'),
  } as const;
  return packSurface(Math.max(dim, queries), matrices, WIDTH_MULTIPLE);
}

function feedForwardSurface(shape: ProgramShape): Surface<FeedForwardSlot> {
  const { dim, hidden, batch, sequence } = shape;
  const columns = batch * sequence;
  const matrices = {
    xn: [dim, columns],
    dy: [dim, columns],
    h1: [hidden, columns],
    h3: [hidden, columns],
    w1: packedSize(shape, 'w1'),
    w3: packedSize(shape, 'w3'),
    w2: packedSize(shape, 'w2'),
  } as const;
  return packSurface(Math.max(dim, hidden), matrices, WIDTH_MULTIPLE);
}
