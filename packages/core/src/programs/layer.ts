import type { MilValue } from '../mil/graph.js';
import type { ModelConfig } from '../model/config.js';
import { layerParameters } from '../model/parameters.js';
import { attentionMix, attentionProbabilities } from './attention.js';
import { attentionVariants, feedForwardVariants } from './decoder-variants.js';
import type { Block, LayerDefinition, LayerWriter, Operation } from './layer-graph.js';
import { normalizeHeads } from './qk-norm.js';
import { rotate } from './rotary.js';
import type { BlockFlow } from './stages.js';

/** y = W·x with a matrix parameter W, or W·x + b with a vector parameter b as well. */
export const project = (to: string, parameter: string, from: string, bias?: string): Operation => ({
  inputs: [from],
  outputs: [to],
  gradients: [{ parameter, dy: `d${to}`, x: from }, ...(bias === undefined ? [] : [{ parameter: bias, dy: `d${to}` }])],
  forward(writer, values) {
    const product = writer.project(parameter, values[from]!);
    return { [to]: bias === undefined ? product : writer.builder.add(product, writer.vector(bias)) };
  },
  backward: (writer, gradients) => ({ [from]: writer.project(parameter, gradients[to]!, true) }),
});

/** The gate of SwiGLU (Shazeer 2020): silu(h1)·h3. */
export const swiGlu = (to: string, h1: string, h3: string): Operation => ({
  inputs: [h1, h3],
  outputs: [to],
  saved: [h1, h3],
  forward(writer, { [h1]: x, [h3]: factor }) {
    const { builder: b } = writer;
    return { [to]: b.mul(b.mul(x!, sigmoidOf(writer, x!)), factor!) };
  },
  backward(writer, { [to]: gradient }, { [h1]: x, [h3]: factor }) {
    const { builder: b } = writer;
    const sigmoid = sigmoidOf(writer, x!);
    const slope = b.mul(sigmoid, b.add(b.mul(x!, b.sub(1, sigmoid)), 1));
    return {
      [h1]: b.mul(b.mul(gradient!, factor!), slope),
      [h3]: b.mul(gradient!, b.mul(x!, sigmoid)),
    };
  },
});

/** σ(x). Where exp(−x) is infinite its inverse is 0, as σ is in fp16: no product with it becomes NaN, since x is finite. */
function sigmoidOf({ builder: b, form }: LayerWriter, x: MilValue): MilValue {
  return form.silu === 'exp' ? b.pow(b.add(b.exp(b.mul(x, -1)), 1), -1) : b.sigmoid(x);
}

/** The sum of two values of one shape. */
export const sum = (to: string, a: string, b: string): Operation => ({
  inputs: [a, b],
  outputs: [to],
  forward: ({ builder }, values) => ({ [to]: builder.add(values[a]!, values[b]!) }),
  backward: (_, { [to]: gradient }) => ({ [a]: gradient!, [b]: gradient! }),
});

/** The options of a model, and of its training, that decide on the operations of its layers. */
export interface LayerOptions
  extends Pick<
    ModelConfig,
    'attentionBias' | 'outputBias' | 'mlpBias' | 'qkNorm' | 'slidingWindow' | 'fullLayers' | 'unrotatedLayers'
  > {
  /** Attention stays within the documents of a window, whose numbers the host gives. Default false. */
  readonly documentMask?: boolean | undefined;
}

/** The options of one layer. */
type OwnOptions = Required<Omit<LayerOptions, 'slidingWindow' | 'fullLayers' | 'unrotatedLayers'>> & {
  readonly isFull: boolean;
  readonly isRotated: boolean;
};

/** Takes the place of a rotation where a layer has none, so that programs end at the same values. */
const unrotated = (to: string, from: string): Operation => ({
  inputs: [from],
  outputs: [to],
  forward: (_, { [from]: value }) => ({ [to]: value! }),
  backward: (_, { [to]: gradient }) => ({ [from]: gradient! }),
});

/** The matrix that the host gives to layers with document masks: a row with the number of each token's document. */
export const DOCUMENTS = 'documents';

/**
 * Everything that a layer of the decoder computes between norm and residual sum, both ways: an operation more is a line more.
 * A program is written from such a list, so a variant of several programs is this list in several parts.
 */
const attention = ({ attentionBias, outputBias, qkNorm, documentMask, isFull, isRotated }: OwnOptions): Block => ({
  name: 'attention',
  norm: 'attentionNorm',
  operations: [
    project('q', 'wq', 'xn', attentionBias ? 'bq' : undefined),
    ...(qkNorm ? [normalizeHeads('qNormed', 'qNorm', 'q')] : []),
    (isRotated ? rotate : unrotated)('qRotated', qkNorm ? 'qNormed' : 'q'),
    project('k', 'wk', 'xn', attentionBias ? 'bk' : undefined),
    ...(qkNorm ? [normalizeHeads('kNormed', 'kNorm', 'k')] : []),
    (isRotated ? rotate : unrotated)('kRotated', qkNorm ? 'kNormed' : 'k'),
    project('v', 'wv', 'xn', attentionBias ? 'bv' : undefined),
    attentionProbabilities('probabilities', {
      ...{ q: 'qRotated', k: 'kRotated', isFull },
      documents: documentMask ? DOCUMENTS : undefined,
    }),
    attentionMix('attn', { probabilities: 'probabilities', v: 'v' }),
    project('y', 'wo', 'attn', outputBias ? 'bo' : undefined),
  ],
  variants: attentionVariants,
});

const feedForward = ({ mlpBias }: OwnOptions): Block => ({
  name: 'feedForward',
  norm: 'feedForwardNorm',
  operations: [
    project('h1', 'w1', 'xn', mlpBias ? 'b1' : undefined),
    project('h3', 'w3', 'xn', mlpBias ? 'b3' : undefined),
    swiGlu('gate', 'h1', 'h3'),
    project('y', 'w2', 'gate', mlpBias ? 'b2' : undefined),
  ],
  variants: feedForwardVariants,
});

const known = new Map<string, LayerDefinition>();

/**
 * The decoder's own layer for a model: x + attention(norm(x)), then x + feedForward(norm(x)), with the biases and norms that the
 * model has. Layers with the same options have the same definition, the same object.
 *
 * @param layer Its index, which matters to a model with windows or RoPE in some layers only. Default 0.
 */
export function decoderLayerOf(model: LayerOptions, layer = 0): LayerDefinition {
  const { attentionBias = false, outputBias = false, mlpBias = false, qkNorm = false, documentMask = false } = model;
  const isFull = model.slidingWindow !== undefined && (model.fullLayers?.includes(layer) ?? false);
  const isRotated = !(model.unrotatedLayers?.includes(layer) ?? false);
  const options = { attentionBias, outputBias, mlpBias, qkNorm, documentMask, isFull, isRotated };
  const key = JSON.stringify(options);
  const definition = known.get(key) ?? {
    name: 'decoder',
    parameters: (sizes: Parameters<LayerDefinition['parameters']>[0]) => layerParameters({ ...sizes, ...options }),
    blocks: [attention(options), feedForward(options)],
  };
  known.set(key, definition);
  return definition;
}

/** How many definitions a model's layers have between them: each has programs of its own, with dynamic weights, too. */
export const countKinds = (model: LayerOptions & Pick<ModelConfig, 'layers'>): number =>
  new Set(Array.from({ length: model.layers }, (_, layer) => decoderLayerOf(model, layer))).size;

/** The layer of Llama: the decoder's own without options. */
export const decoderLayer: LayerDefinition = decoderLayerOf({});

/** The programs of one variant of a block, each pass in the order in which they run. */
export interface BlockPrograms<Program> {
  readonly block: Block;
  readonly flow: BlockFlow;
  readonly forward: readonly (Program & StageProgram)[];
  readonly backward: readonly (Program & StageProgram)[];
}

/** One of the programs of a pass. */
export interface StageProgram {
  /** The name of its cut; empty where the pass is one program. */
  readonly stage: string;
  /** Matrices of its input that it reads, beside weights. */
  readonly reads: readonly string[];
}

/** The programs of fused blocks by the block's name and direction; `.` and its stage follow where a pass is several programs. */
export function namePrograms<Program>(
  blocks: readonly BlockPrograms<Program>[],
): Record<`${'attention' | 'feedForward'}${'Forward' | 'Backward'}`, Program> {
  const named = (direction: 'forward' | 'backward') =>
    blocks.flatMap(({ block, [direction]: programs }) =>
      programs.map((program) => [programName(block, direction, program), program] as const),
    );
  return Object.fromEntries([...named('forward'), ...named('backward')]) as ReturnType<typeof namePrograms<Program>>;
}

/** Such as `attentionBackward`, or `attentionBackward.sdpaBwd1`. */
export const programName = ({ name }: Block, direction: 'forward' | 'backward', { stage }: StageProgram): string =>
  `${name}${direction === 'forward' ? 'Forward' : 'Backward'}${stage && `.${stage}`}`;

/** Such as `attention.backward`, or `attention.backward.sdpaBwd1`. */
export const kernelName = (block: string, direction: 'forward' | 'backward', { stage }: StageProgram): string =>
  `${block}.${direction}${stage && `.${stage}`}`;
