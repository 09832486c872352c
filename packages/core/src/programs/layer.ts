import { layerParameters } from '../model/parameters.js';
import { attend } from './attention.js';
import type { Block, LayerDefinition, Operation } from './layer-graph.js';
import { rotate } from './rotary.js';

/** y = W·x with a matrix parameter W. */
export const project = (to: string, parameter: string, from: string): Operation => ({
  inputs: [from],
  outputs: [to],
  gradients: [{ parameter, dy: `d${to}`, x: from }],
  forward: (writer, values) => ({ [to]: writer.project(parameter, values[from]!) }),
  backward: (writer, gradients) => ({ [from]: writer.project(parameter, gradients[to]!, true) }),
});

/** The gate of SwiGLU (Shazeer 2020): silu(h1)·h3. */
export const swiGlu = (to: string, h1: string, h3: string): Operation => ({
  inputs: [h1, h3],
  outputs: [to],
  saved: [h1, h3],
  forward({ builder: b }, { [h1]: x, [h3]: factor }) {
    return { [to]: b.mul(b.mul(x!, b.sigmoid(x!)), factor!) };
  },
  backward({ builder: b }, { [to]: gradient }, { [h1]: x, [h3]: factor }) {
    const sigmoid = b.sigmoid(x!);
    const slope = b.mul(sigmoid, b.add(b.mul(x!, b.sub(1, sigmoid)), 1));
    return {
      [h1]: b.mul(b.mul(gradient!, factor!), slope),
      [h3]: b.mul(gradient!, b.mul(x!, sigmoid)),
    };
  },
});

/** The sum of two values of one shape. */
export const sum = (to: string, a: string, b: string): Operation => ({
  inputs: [a, b],
  outputs: [to],
  forward: ({ builder }, values) => ({ [to]: builder.add(values[a]!, values[b]!) }),
  backward: (_, { [to]: gradient }) => ({ [a]: gradient!, [b]: gradient! }),
});

/**
 * Everything that a layer of the decoder computes between norm and residual sum, both ways: an operation more is a line more.
 * A program is written from such a list, so a variant of several programs is this list in several parts.
 */
const attention: Block = {
  name: 'attention',
  norm: 'attentionNorm',
  operations: [
    project('q', 'wq', 'xn'),
    rotate('qRotated', 'q'),
    project('k', 'wk', 'xn'),
    rotate('kRotated', 'k'),
    project('v', 'wv', 'xn'),
    attend('attn', { q: 'qRotated', k: 'kRotated', v: 'v' }),
    project('y', 'wo', 'attn'),
  ],
};

const feedForward: Block = {
  name: 'feedForward',
  norm: 'feedForwardNorm',
  operations: [
    project('h1', 'w1', 'xn'),
    project('h3', 'w3', 'xn'),
    swiGlu('gate', 'h1', 'h3'),
    project('y', 'w2', 'gate'),
  ],
};

/** The layer of Llama's family: x + attention(norm(x)), then x + feedForward(norm(x)). */
export const decoderLayer: LayerDefinition = {
  name: 'decoder',
  parameters: layerParameters,
  blocks: [attention, feedForward],
};

/** The programs of a block by the block's name and direction. */
export function namePrograms<Program>(
  blocks: readonly { readonly block: Block; readonly forward: Program; readonly backward: Program }[],
): Record<`${'attention' | 'feedForward'}${'Forward' | 'Backward'}`, Program> {
  return Object.fromEntries([
    ...blocks.map(({ block, forward }) => [`${block.name}Forward`, forward]),
    ...blocks.map(({ block, backward }) => [`${block.name}Backward`, backward]),
  ]) as ReturnType<typeof namePrograms<Program>>;
}
