import { planLayers } from '../decoder/layer-plan.js';
import { programForm, resolveDevice } from '../machine/device.js';
import type { ModelConfig } from '../model/config.js';
import { loadModel } from '../model/load-model.js';
import { blocksOnDevice } from '../programs/gradient-option.js';
import { gradientPart } from '../programs/weight-gradients.js';
import { chooseForm } from '../variants/choose-form.js';
import { type Axis, axisNames } from '../variants/variant-option.js';
import type { ExamineOptions } from './doctor-report.js';

/** What programs are chosen for: as `mayfly train` takes it. */
export interface ChoiceRequest {
  /** Default: `auto`. */
  readonly device?: string | undefined;
  /** Default: `tiny`. */
  readonly model?: string | undefined;
  /** Default: `dynamic`. */
  readonly weights?: 'dynamic' | 'static' | undefined;
  /** Windows per pass. Default: 8. */
  readonly batch?: number | undefined;
  /** Tokens per window. Default: 128, or the model's context if that is shorter. */
  readonly seq?: number | undefined;
  /** Whether to ask about the classifier's products, too. Default: `host`, which asks nothing. */
  readonly classifier?: 'host' | 'device' | undefined;
  /** Whether to ask about weight gradients, too: `device`, or names of blocks. Default: `host`, which asks nothing. */
  readonly weightGradients?: string | undefined;
}

/** How the programs of a model are written for a device. */
export interface ProgramChoice extends Required<ChoiceRequest> {
  /** The variant of each half, and the value of each axis that was decided. */
  readonly chosen: Readonly<Record<string, string | number>>;
  /** Why the programs are not written in the first form, a line for each half or axis. */
  readonly notes: readonly string[];
  /** Programs that were compiled to find out: 0 where a device refuses nothing. */
  readonly compilations: number;
}

/**
 * Chooses programs for training as `mayfly train` does, but asks the device anew, and keeps the answers.
 *
 * @throws `ERR_NO_VARIANT`; the errors of opening the model; the signal's reason.
 */
export async function choosePrograms(
  { device = 'auto', model = 'tiny', weights = 'dynamic', batch = 8, seq, ...places }: ChoiceRequest,
  { signal, onProgress }: ExamineOptions = {},
): Promise<ProgramChoice> {
  const { classifier = 'host', weightGradients = 'host' } = places;
  const { device: name } = resolveDevice(device);
  const { config } = await loadModel(model);
  const plans = planLayers(config satisfies ModelConfig, weights);
  const blocks = plans.flatMap(({ definition }) => definition.blocks);
  const sequence = seq ?? Math.min(128, config.sequence);
  const { form, notes, compilations } = await chooseForm({
    ...{ device: name, pool: {}, signal, form: await programForm(name), shape: { ...config, batch, sequence } },
    ...(classifier === 'device' && { classifier: { dim: config.dim, vocab: config.vocab, columns: batch * sequence } }),
    ...{ plans, training: true, again: true, weightGradients: blocksOnDevice(weightGradients, blocks) },
    onProgress: (text) => onProgress?.(`programs: ${text}`),
  });
  const decided = axisNames.flatMap((axis: Axis) => (form[axis] === undefined ? [] : [[axis, form[axis]] as const]));
  const chosen = {
    ...Object.fromEntries(decided),
    ...(form.classifier && { classifier: form.classifier }),
    ...Object.fromEntries(
      Object.entries(form.weightGradients ?? {}).map(([block, place]) => [gradientPart(block), place]),
    ),
    ...form.variants,
  };
  return {
    device: name,
    model,
    weights,
    batch,
    seq: sequence,
    classifier,
    weightGradients,
    chosen,
    notes,
    compilations,
  };
}
