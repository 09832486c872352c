import { addon } from '@mayfly/native';
import { checkValues } from '../decoder/finite.js';
import type { ModelState } from '../decoder/model-state.js';
import { initializeAdapters, initializeParameters } from '../model/initialize.js';
import type { ModelSource } from '../model/load-model.js';
import { MomentTransfer } from './moment-transfer.js';
import type { ResolvedTrainOptions } from './options.js';
import { LONG, type Ranks } from './ranks.js';
import type { TrainingProgress } from './training-header.js';

/** Writes the parameters and moments that a run begins with, and returns the progress of a resumed run. */
export type Fill = (state: ModelState, transfer: MomentTransfer | null) => Promise<TrainingProgress | undefined>;

/** Fills the memory of all ranks from the first, and gives all of them the progress of a resumed run. */
export async function fillRanks(
  { fill, isResumed }: { readonly fill: Fill; readonly isResumed: boolean },
  state: ModelState,
  ranks: Ranks,
): Promise<TrainingProgress | undefined> {
  const { parameters, firstMoments, secondMoments, shards } = state;
  const transfer = shards && new MomentTransfer(ranks, state);
  const progress = await ranks.together(async () => {
    if (!ranks.isFirst) {
      await zeroMoments(state);
      if (isResumed) await transfer?.take();
      return undefined;
    }
    try {
      return await fill(state, transfer);
    } finally {
      if (isResumed) await transfer?.finishScatter();
    }
  }, LONG);
  await ranks.broadcast(transfer === null ? [parameters, firstMoments, secondMoments] : [parameters]);
  return await ranks.fromFirst(() => progress);
}

/** In the arena of a pool that is given, another run may have left its own. */
async function zeroMoments({ firstMoments, secondMoments }: ModelState): Promise<void> {
  for (const { arena, offset, bytes } of [firstMoments, secondMoments])
    await addon.mathQueue.zero(arena, offset, bytes);
}

/** Writes a model's parameters, or drawn ones where it has none, and those that adapters begin with. */
export async function fillParameters(
  state: ModelState,
  parameters: ModelSource['parameters'],
  { seed, model }: ResolvedTrainOptions,
): Promise<void> {
  const target = state.parameters.array();
  const { compact } = state;
  const { layout } = compact ?? state;
  const write = async (whole: Float32Array) => {
    if (parameters === undefined) await initializeParameters(layout, whole, seed);
    else await parameters(whole.subarray(0, layout.baseCount));
  };
  await (compact === null ? write(target) : compact.fill(write));
  initializeAdapters(state.layout, target, seed);
  await zeroMoments(state);
  if (parameters !== undefined) await checkValues(state, model);
}
