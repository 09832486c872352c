import { type ChipProfile, timeMil } from '@mayfly/native';
import type { ModelConfig } from '../model/config.js';
import { presets } from '../model/presets.js';
import { staticPrograms } from '../programs/static.js';
import { planStep } from './planned-step.js';
import { type TrainerStructure, timeTrainer } from './trainer-step.js';

/** All figures of whole models are of one window of 256 tokens. */
const window = { batch: 1, sequence: 256 } as const;

export const evaluateUs = (text: string, profile: ChipProfile): number => timeMil(text, profile).evaluateUs;

/** The forward kernels of a layer, timed one by one. */
const forwardKernels = (config: ModelConfig, profile: ChipProfile) => {
  const { attentionForward, feedForwardForward } = staticPrograms({ ...config, ...window });
  return [attentionForward, feedForwardForward].map(({ program }) => timeMil(program.text, profile));
};

/** Every layer's two forward kernels with all that the backward pass needs as outputs. */
export function staticForwardMs(config: ModelConfig, profile: ChipProfile): number {
  const layer = forwardKernels(config, profile).reduce((sum, time) => sum + time.evaluateUs, 0);
  return (config.layers * layer) / 1000;
}

/** Time of the operations of all layers in one program: one dispatch, with an input and an output surface. */
export function fusedForwardUs(config: ModelConfig, profile: ChipProfile): number {
  return profile.clock.dispatchUs.value + config.layers * operationsUs(config, profile) + surfaceUs(config, profile);
}

/** The same as two programs a layer, each with the residual stream in and out. */
export function separateForwardUs(config: ModelConfig, profile: ChipProfile): number {
  const halves = 2 * config.layers;
  const dispatches = halves * (profile.clock.dispatchUs.value + surfaceUs(config, profile));
  return dispatches + config.layers * operationsUs(config, profile);
}

/** A concat that only collects outputs is not part of either. */
function operationsUs(config: ModelConfig, profile: ChipProfile): number {
  const operations = forwardKernels(config, profile).flatMap((time) =>
    time.operations.filter(({ name }) => name !== 'y'),
  );
  return operations.reduce((sum, { microseconds }) => sum + microseconds, 0);
}

/** The residual stream in fp16, in and out. */
const surfaceUs = ({ dim }: ModelConfig, { clock }: ChipProfile): number =>
  (2 * 2 * dim * window.sequence) / (clock.surfaceGBps.value * 1000);

/** Compiling and loading `count` of a Stories110M's kernels, in the mix of a layer: trainers time both together. */
export function kernelRoundMs(weights: 'static' | 'dynamic', count: number, profile: ChipProfile): number {
  const { kernels } = planStep({ config: presets.stories110m, profile, weights, ...window });
  return (count * kernels.reduce((sum, { compileMs, loadMs }) => sum + compileMs + loadMs, 0)) / kernels.length;
}

/** Compiling one of a Stories110M layer's static kernels. */
export function kernelCompileMs(name: 'attentionForward' | 'feedForwardForward', profile: ChipProfile): number {
  const kernel = staticPrograms({ ...presets.stories110m, ...window })[name];
  return timeMil(kernel.program.text, profile).compileMs;
}

/** Compiling the forward pass of all layers as one program: the fixed part once. */
export function fusedCompileMs(config: ModelConfig, profile: ChipProfile): number {
  const fixed = profile.clock.compileMs.value;
  const layer = forwardKernels(config, profile).reduce((sum, { compileMs }) => sum + compileMs - fixed, 0);
  return fixed + config.layers * layer;
}

/** A step of one window as other trainers time it: without the update and without compilations. */
export function stepMs(
  config: ModelConfig,
  structure: TrainerStructure,
  profile: ChipProfile,
  sequence: number = window.sequence,
): number {
  const { kernels, copies, hostMath, weightGradients } = timeTrainer(config, structure, profile, sequence);
  return kernels + copies + hostMath + weightGradients;
}
