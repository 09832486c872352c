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
  {
    name: 'single',
    source: 'ours: one product a program',
    isSingle: true,
    forward: [
      { name: 'norm' },
      { name: 'qFwd', from: 'q' },
      { name: 'kFwd', from: 'k' },
      { name: 'vFwd', from: 'v' },
      { name: 'probsFwd', from: 'probabilities' },
      { name: 'mixFwd', from: 'attn' },
      { name: 'woFwd', from: 'y' },
    ],
    backward: [
      { name: 'wotBwd', from: 'y' },
      { name: 'dvBwd', from: 'attn', toward: ['v'] },
      { name: 'dpBwd', from: 'attn' },
      { name: 'dkBwd', from: 'probabilities', toward: ['kRotated'] },
      { name: 'dqBwd', from: 'probabilities' },
      { name: 'vBwd', from: 'v' },
      { name: 'kBwd', from: 'k' },
      { name: 'qBwd' },
    ],
    // The forward pass hands them from one program to the next.
    saved: ['probabilities'],
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
  {
    name: 'single',
    source: 'ours: one product a program',
    isSingle: true,
    forward: [
      { name: 'norm' },
      { name: 'ffnW1', from: 'h1' },
      { name: 'ffnW3', from: 'h3' },
      { name: 'ffnW2', from: 'y' },
    ],
    backward: [{ name: 'ffnBwdW2t', from: 'gate' }, { name: 'ffnBwdW3t', from: 'h3' }, { name: 'ffnBwdW1t' }],
  },
];
