import { gradientPlaces } from '../programs/gradient-option.js';
import { decoderLayerOf } from '../programs/layer.js';
import type { Classifier, PlanOptions, WeightStrategy } from './plan-options.js';
import { planTraining, type TrainingPlan } from './training-plan.js';

/** What a best plan is chosen among. */
export interface PlanChoices {
  readonly weights: readonly WeightStrategy[];
  readonly classifier: readonly Classifier[];
  readonly weightGradients: readonly string[];
}

/** The plan of the shortest step among those of the given strategies; of equal ones the first. */
export function bestPlan(
  options: Omit<PlanOptions, keyof PlanChoices>,
  { weights, classifier, weightGradients }: PlanChoices,
): TrainingPlan {
  const choices = weights.flatMap((kind) =>
    classifier.flatMap((place) =>
      weightGradients.map((gradients) => ({ weights: kind, classifier: place, weightGradients: gradients })),
    ),
  );
  return shortest(choices.map((choice) => planTraining({ ...options, ...choice })));
}

/** The plan of the shortest step; of equal ones the first. */
export const shortest = (plans: readonly TrainingPlan[]): TrainingPlan =>
  plans.reduce((a, b) => (b.step.total < a.step.total ? b : a));

/** Where weight gradients are made in the shortest step: `host`, `device`, or the name of a block that the device has. */
export function bestGradients({ weights, classifier = 'host', ...options }: PlanOptions): string {
  const { layer = decoderLayerOf(options.config) } = options;
  const choices = { weights: [weights], classifier: [classifier], weightGradients: gradientPlaces(layer.blocks) };
  return bestPlan(options, choices).weightGradients;
}

/** How much the time of kernels counts that something else hides. */
const KERNELS_SHARE = 1e-3;

/** The variant of each block with which a step takes least, among those that break no rule of the chip; the first where all do. */
export function bestVariants(options: PlanOptions): Readonly<Record<string, string>> {
  const { layer = decoderLayerOf(options.config), form } = options;
  const best: Record<string, string> = {};
  for (const { name, variants = [] } of layer.blocks) {
    let least = Number.POSITIVE_INFINITY;
    for (const variant of variants) {
      // The blocks' kernels add up, so each can be chosen by itself.
      const plan = planTraining({ ...options, form: { ...form, variants: { [name]: variant.name } } });
      const refused = plan.kernels.some((kernel) => kernel.name.startsWith(name) && kernel.brokenRules.length > 0);
      // Where the host is slower than the engine, variants differ in nothing but the kernels.
      const { total, kernels, copies, waits } = plan.step;
      const ms = total + KERNELS_SHARE * (kernels + copies + waits);
      if (refused || ms >= least) continue;
      best[name] = variant.name;
      least = ms;
    }
    const [first] = variants;
    if (first !== undefined) best[name] ??= first.name;
  }
  return best;
}
