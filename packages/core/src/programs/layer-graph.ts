import type { MilValue } from '../mil/graph.js';
import type { LayerParameter } from '../model/parameters.js';
import { Attention, type AttentionInputs } from './attention.js';
import type { MatrixSize } from './pack-surface.js';
import type { ProgramShape } from './program-shape.js';
import type { ProgramWriter } from './program-writer.js';
import { Rotary } from './rotary.js';

export type Projection = Exclude<LayerParameter, 'attentionNorm' | 'feedForwardNorm'>;

/** [out, in] of each projection, as the parameters are stored. */
export function projectionSizes(shape: ProgramShape): Readonly<Record<Projection, MatrixSize>> {
  const { dim, hidden, heads, kvHeads, headDim } = shape;
  const queries = heads * headDim;
  const keys = kvHeads * headDim;
  return {
    wq: [queries, dim],
    wk: [keys, dim],
    wv: [keys, dim],
    wo: [dim, queries],
    w1: [hidden, dim],
    w2: [dim, hidden],
    w3: [hidden, dim],
  };
}

/** W·x, or Wᵀ·x, with x [1, in, 1, columns]: how, is what weight strategies differ in. */
export type Project = (parameter: Projection, x: MilValue, transposed?: boolean) => MilValue;

/** Writes the two halves of a decoder layer, between norm and residual sum, into a program; see `ProgramShape` for the columns. */
export class LayerGraph {
  readonly #program: ProgramWriter<string>;
  readonly #shape: ProgramShape;
  readonly #project: Project;

  constructor(program: ProgramWriter<string>, shape: ProgramShape, project: Project) {
    this.#program = program;
    this.#shape = shape;
    this.#project = project;
  }

  /** q and k are the rotated ones; attn is what they attend to, o its projection. */
  attention(xn: MilValue): Record<'o' | 'q' | 'k' | 'v' | 'attn', MilValue> {
    const rotary = new Rotary(this.#program, this.#shape);
    const q = rotary.rotate(this.#project('wq', xn));
    const k = rotary.rotate(this.#project('wk', xn));
    const v = this.#project('wv', xn);
    const attn = new Attention(this.#program, this.#shape).forward({ q, k, v });
    return { o: this.#project('wo', attn), q, k, v, attn };
  }

  /** From the gradient of o. dq and dk are those of the projections, before rotation. */
  attentionBackward({
    dy,
    ...inputs
  }: AttentionInputs & { readonly dy: MilValue }): Record<'dxn' | 'dq' | 'dk' | 'dv', MilValue> {
    const { builder: b } = this.#program;
    const rotary = new Rotary(this.#program, this.#shape);
    const rotated = new Attention(this.#program, this.#shape).backward(inputs, this.#project('wo', dy, true));
    const dq = rotary.rotateBack(rotated.dq);
    const dk = rotary.rotateBack(rotated.dk);
    const { dv } = rotated;
    const dxq = this.#project('wq', dq, true);
    const dxk = this.#project('wk', dk, true);
    return { dxn: b.add(b.add(dxq, dxk), this.#project('wv', dv, true)), dq, dk, dv };
  }

  /** SwiGLU (Shazeer 2020): o = W2·gate with gate = silu(h1)·h3. */
  feedForward(xn: MilValue): Record<'o' | 'h1' | 'h3' | 'gate', MilValue> {
    const { builder: b } = this.#program;
    const h1 = this.#project('w1', xn);
    const h3 = this.#project('w3', xn);
    const gate = b.mul(b.mul(h1, b.sigmoid(h1)), h3);
    return { o: this.#project('w2', gate), h1, h3, gate };
  }

  /** From the gradient of o. */
  feedForwardBackward({ dy, h1, h3 }: Record<'dy' | 'h1' | 'h3', MilValue>): Record<'dxn' | 'dh1' | 'dh3', MilValue> {
    const { builder: b } = this.#program;
    const dGate = this.#project('w2', dy, true);
    const sigmoid = b.sigmoid(h1);
    const slope = b.mul(sigmoid, b.add(b.mul(h1, b.sub(1, sigmoid)), 1));
    const dh1 = b.mul(b.mul(dGate, h3), slope);
    const dh3 = b.mul(dGate, b.mul(h1, sigmoid));
    return { dxn: b.add(this.#project('w1', dh1, true), this.#project('w3', dh3, true)), dh1, dh3 };
  }
}
