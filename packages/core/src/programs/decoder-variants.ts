import { fused, type Variant } from './variant.js';

/**
 * From the fastest to the one whose programs do least. Compilers refused the fused backward pass, in which queries, keys and
 * probabilities are operands of several products each ("cycle path"; fspecii/ane-trainer, colonelpanichacks/neural-engine).
 */
export const attentionVariants: readonly Variant[] = [
  fused,
  {
    name: 'probabilities',
    source: 'probabilities as an input, as fspecii/ane-trainer found to compile',
    forward: [{ name: 'sdpaFwd' }],
    backward: [{ name: 'attnBwd' }],
    saved: ['probabilities'],
  },
  {
    name: 'sdpaBwd12',
    source: 'fspecii/ane-trainer',
    forward: [{ name: 'sdpaFwd' }],
    backward: [
      { name: 'probs', computes: ['probabilities'] },
      { name: 'sdpaBwd12', from: 'probabilities' },
      { name: 'qkvBwd' },
    ],
  },
  {
    name: 'sdpaBwd',
    source: 'maderix/ANE (static), mechramc/Orion, colonelpanichacks/neural-engine',
    forward: [{ name: 'sdpaFwd' }],
    backward: [{ name: 'sdpaBwd1', from: 'attn' }, { name: 'sdpaBwd2', from: 'probabilities' }, { name: 'qkvBwd' }],
  },
  {
    name: 'woFwd',
    source: 'maderix/ANE (dynamic)',
    forward: [{ name: 'sdpaFwd' }, { name: 'woFwd', from: 'y' }],
    backward: [
      { name: 'wotBwd', from: 'y' },
      { name: 'sdpaBwd1', from: 'attn' },
      { name: 'sdpaBwd2', from: 'probabilities' },
      { name: 'kvBwd', from: 'k' },
      { name: 'qBwd' },
    ],
  },
  {
    name: 'small',
    source: 'ours: each of the above programs cut again',
    forward: [
      { name: 'norm' },
      { name: 'qkvFwd', from: 'q' },
      { name: 'sdpaFwd', from: 'probabilities' },
      { name: 'woFwd', from: 'y' },
    ],
    backward: [
      { name: 'wotBwd', from: 'y' },
      { name: 'probs', computes: ['probabilities'] },
      { name: 'sdpaBwd1', from: 'attn' },
      { name: 'sdpaBwd2', from: 'probabilities' },
      { name: 'kvBwd', from: 'k' },
      { name: 'qBwd' },
    ],
  },
];

/** From the fastest to the one whose programs do least. */
export const feedForwardVariants: readonly Variant[] = [
  fused,
  {
    name: 'ffnBwd',
    source: 'maderix/ANE (dynamic), which computes the gate on the host',
    forward: [{ name: 'ffnFused' }],
    backward: [{ name: 'ffnBwdW2t', from: 'gate' }, { name: 'ffnBwdW13t' }],
  },
  {
    name: 'ffnW13',
    source: 'maderix/ANE (dynamic, first form)',
    forward: [{ name: 'ffnW13' }, { name: 'ffnW2', from: 'y' }],
    backward: [{ name: 'ffnBwdW2t', from: 'gate' }, { name: 'ffnBwdW13t' }],
  },
  {
    name: 'small',
    source: 'ours: each of the above programs cut again',
    forward: [
      { name: 'norm' },
      { name: 'ffnW13', from: 'h1' },
      { name: 'gate', from: 'gate' },
      { name: 'ffnW2', from: 'y' },
    ],
    backward: [{ name: 'ffnBwdW2t', from: 'y' }, { name: 'gateBwd', from: 'gate' }, { name: 'ffnBwdW13t' }],
  },
];
