import { plainChannel, tracing } from '../tracing.js';
import type { EnergyUse } from './energy-watch.js';
import type { StepRecord } from './train-step.js';

/* What a trainer publishes on node:diagnostics_channel. `docs/reference/channels.md` describes every message. */

/** What each message of a trainer has. */
interface TrainerMessage {
  /** The trainer, to tell several apart. */
  readonly trainer: object;
  /** The step that is done or under way, from 1. */
  readonly step: number;
  /** At the end, if it failed. */
  error?: unknown;
}

/** A message on the tracing channel `mayfly:step`: a training step. What is left of its update when it ends is part of the next. */
export interface StepMessage extends TrainerMessage {
  /** At the end. */
  result?: StepRecord;
}

/** A message on the tracing channels `mayfly:checkpoint`, `mayfly:evaluation` (on validation data) and `mayfly:sample`. */
export interface TrainerWorkMessage extends TrainerMessage {}

/** A message on the channel `mayfly:energy`: what a Mac's counters gained over the last steps, once a second at most. */
export interface EnergyMessage extends EnergyUse {
  readonly trainer: object;
  /** The trainer's. */
  readonly pool: object;
}

export const stepChannel = tracing('mayfly:step');
export const checkpointChannel = tracing('mayfly:checkpoint');
export const evaluationChannel = tracing('mayfly:evaluation');
export const sampleChannel = tracing('mayfly:sample');

const energyChannel = plainChannel('mayfly:energy');

export function publishEnergy(trainer: { readonly pool: object }, use: EnergyUse): void {
  if (!energyChannel.hasSubscribers) return;
  energyChannel.publish({ trainer, pool: trainer.pool, ...use } satisfies EnergyMessage);
}
