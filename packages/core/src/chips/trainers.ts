import type { TrainerStructure } from './trainer-step.js';

/** maderix/ANE, static weights (`train_large`): five programs of a layer with weights and one without. */
const madStatic: TrainerStructure = { weights: 'static', attention: 'sdpaBwd', feedForward: 'fused', gate: 'engine' };

/**
 * maderix/ANE, dynamic weights: ten programs of a layer, fp32 activations on the host, SiLU's and RoPE's gradients there, and logits as
 * [vocabulary, tokens].
 */
const mad: TrainerStructure = {
  ...{ weights: 'dynamic', attention: 'woFwd', feedForward: 'ffnBwd' },
  ...{ rope: 'host', logits: 'columns' },
};

/** Public trainers by who published a step of them. */
export const trainers = {
  madStatic,
  mad,
  /** Its first form, of nine programs: without RoPE, with fp32 surfaces that hold the weights of one layer at a time. */
  madFirst: {
    ...{ weights: 'dynamic', attention: 'sdpaBwd', feedForward: 'ffnW13', moreDispatches: 1 },
    ...{ surfaces: 'fp32', logits: 'columns' },
  },
  /** Khaeldur/NeuralForge: maderix's static weights with classifier, softmax and the gradients of norms on the engine. */
  neuralForge: { ...madStatic, head: 'forward', norms: 'engine' },
  /** fspecii/ane-trainer: one program forward, of convolutions; weight gradients and the whole classifier on the engine; no RoPE. */
  fspecii: {
    ...{ weights: 'dynamic', attention: 'sdpaBwd12', feedForward: 'fused', moreDispatches: -2 },
    ...{ convolves: true, copies: 'plain', gate: 'engine', gradients: 'engine', head: 'both' },
  },
  /** colonelpanichacks/neural-engine after its first steps: SiLU's gradient on the engine, RoPE in vectors, no waiting for copies. */
  neFused: { ...mad, gate: 'engine', rope: 'engine', capture: false },
  /** The same with fp16 between programs. */
  neHalf: { ...mad, gate: 'engine', rope: 'engine', capture: false, copies: 'plain' },
  /** The same at last: seven programs, stores past the caches, cross-entropy by rows on all cores. */
  neLast: {
    ...{ weights: 'dynamic', attention: 'sdpaBwd', feedForward: 'fused', moreDispatches: 1 },
    ...{ copies: 'streamed', gate: 'engine', logits: 'parallel', capture: false },
  },
  /** harsha-gouru: maderix's, with cross-entropy in 0.9 ms. */
  harsha: { ...mad, logits: 'parallel' },
} as const satisfies Readonly<Record<string, TrainerStructure>>;
