import { invalidArgument } from '@mayfly/native';
import { SingleGroup } from '../collective/single-group.js';
import { checkDocumentMasks } from '../decoder/document-masks.js';
import { checkFrozen, planLayers } from '../decoder/layer-plan.js';
import { frozenByAdapters } from '../decoder/lora-options.js';
import { DisposeStack } from '../files/dispose-stack.js';
import { resolveDevice } from '../machine/device.js';
import type { CompactVocabulary } from '../model/compact-vocabulary.js';
import { checkOptions } from '../option-table.js';
import { Pool } from '../pool/pool.js';
import { checkSizes } from '../programs/define-layer.js';
import { blocksOnDevice } from '../programs/gradient-option.js';
import type { Exclusions } from '../variants/choose-form.js';
import { type PlannedDecoder, planDecoder } from '../variants/decoder-pool.js';
import { type MemoryNeeds, memoryNeeds } from './memory-needs.js';
import { openInTurn, vocabularyOf } from './open-inputs.js';
import { openRun, type Run, resumedRun } from './open-run.js';
import { type FilledTrainOptions, type TrainOptions, trainOptions } from './options.js';
import { RANGE_CHECK_BYTES } from './range-check.js';
import { Ranks } from './ranks.js';
import { autoGradients } from './run-gradients.js';

/** What a run's decoder requires, where it will run, and where its weight gradients should be made. */
export async function planRun(
  { options, config: whole }: Run,
  given: TrainOptions['pool'],
  vocabulary: CompactVocabulary | undefined,
  { rank, size }: Pick<Ranks, 'rank' | 'size'> = { rank: 0, size: 1 },
  excluded?: Exclusions,
) {
  const config = vocabulary?.configOf(whole) ?? whole;
  const { batch, seq: sequence, weights, layers, lora, accumulate: passes, signal, variant, onProgress } = options;
  const { seed, recompute, documentMask, inFlight } = options;
  const freeze = lora === undefined ? (options.freeze ?? []) : frozenByAdapters(config, options.freeze ?? []);
  const plans = planLayers({ ...config, documentMask }, weights, layers, lora);
  if (documentMask) checkDocumentMasks(plans);
  for (const definition of new Set(plans.map((each) => each.definition))) {
    checkSizes(definition, { ...config, batch, sequence });
  }
  checkFrozen(config, freeze);
  const place = given instanceof Pool ? given : { ...options.pool, signal: options.pool.signal ?? signal };
  const rules = { optimizer: options.optimizer, groups: options.groups, weightDecay: options.weightDecay };
  if (recompute && plans.some((each) => each.weights === 'static')) {
    throw invalidArgument(
      'recompute',
      'left out with static weights, whose outputs are the residual stream',
      recompute,
    );
  }
  const gradients =
    options.weightGradients === 'auto'
      ? autoGradients({
          ...{ config, plans, weights, batch, sequence, classifier: options.classifier, accumulate: passes },
          device: place instanceof Pool ? place.device : resolveDevice(place.device ?? 'auto').device,
          precision: options.pool.precision,
        })
      : options.weightGradients;
  const blocks = plans.flatMap(({ definition }) => definition.blocks);
  const shape = {
    config,
    vocabulary,
    classifier: options.classifier,
    weightGradients: blocksOnDevice(gradients, blocks),
    batch,
    sequence,
    weights,
    layers,
    lora,
    documentMask,
    seed,
    freeze,
    rules,
    recompute,
    passes,
    inFlight,
    variant,
    excluded,
    onProgress,
    ...(options.shardOptimizer && size > 1 && { shards: { rank, size } }),
  };
  const extraBytes = options.checkRange ? RANGE_CHECK_BYTES : 0;
  const plan = await planDecoder({ ...shape, training: true, extraBytes }, place);
  return { plan, plans, place, gradients };
}

export const needsOf = (plan: PlannedDecoder, { pool: { standby = 1 } }: FilledTrainOptions): MemoryNeeds =>
  memoryNeeds(plan, (plan.workers ?? 1) + standby);

/**
 * Determines the memory that a run needs, before anything is started for it.
 *
 * @param rank Of which process: where moments are shared out, each has its own. Default: the only one.
 * @throws As `createTrainer`, for options, model and checkpoint.
 */
export async function trainingMemory(
  given: TrainOptions,
  rank: Pick<Ranks, 'rank' | 'size'> = { rank: 0, size: 1 },
): Promise<MemoryNeeds> {
  const checked: TrainOptions = checkOptions('createTrainer', trainOptions, given);
  const begun = await openRun(checked, await resumedRun(checked));
  await using opened = new DisposeStack();
  const vocabulary = begun.options.compactVocabulary
    ? await vocabularyOf(begun, await openInTurn(begun, new Ranks(new SingleGroup()), opened))
    : undefined;
  const { plan } = await planRun(begun, checked.pool, vocabulary, rank);
  return needsOf(plan, begun.options);
}
