import type { ChipProfile } from '@mayfly/native';
import type { PlanOptions } from './plan-options.js';
import { planStep } from './planned-step.js';
import { bucketBytes } from './step-schedule.js';
import { lastGradients, type TimedStep } from './step-time.js';
import { planTraining } from './training-plan.js';

/** Bytes per second and latency between ranks. */
export interface LinkSpeed {
  /** Gigabytes per second that a rank sends while it receives as many. */
  readonly bandwidth: number;
  /** Microseconds. */
  readonly latency: number;
}

/** The estimated cost of a step of several ranks, each on a machine of its own; in milliseconds unless stated otherwise. */
export interface RankPlan {
  readonly ranks: number;
  /** A step: each rank does `accumulate` passes. */
  readonly total: number;
  /** In which gradients are exchanged. */
  readonly exchange: number;
  /** The part of it that no backward pass hides. */
  readonly exposed: number;
  /** Bytes that each rank sends. */
  readonly sentBytes: number;
  readonly tokensPerSecond: number;
  /** Tokens per second, divided by those that one rank would have if all were as fast alone. */
  readonly efficiency: number;
}

/** Messages of a step on which all ranks wait for each other: its losses, the norm, whether to go on. */
const AGREEMENTS = 3;

/**
 * Bytes that each rank sends to sum so many over `ranks`: 2 (n − 1) / n of them, the least that any all-reduce can do
 * (Patarasuk and Yuan 2009). The reduction to owners and the gathering of their results, as a sharded optimizer has them, send as many.
 */
export const exchangedBytes = (bytes: number, ranks: number): number => (2 * (ranks - 1) * bytes) / ranks;

/**
 * The time of a step against the number of ranks, by the plan of one and a model of the link: gradients leave in buckets while the last
 * backward pass makes others, one bucket after the other.
 */
export function planRanks(given: PlanOptions, link: LinkSpeed, numbers: readonly number[]): RankPlan[] {
  const { step, tokensPerStep } = planTraining(given);
  const { work } = planStep(given);
  return numbers.map((ranks) => {
    const { exchange, exposed, sentBytes } = planExchange(work, given.profile, link, ranks);
    const total = step.total + exposed;
    return {
      ...{ ranks, total, exchange, exposed, sentBytes },
      tokensPerSecond: (1000 * ranks * tokensPerStep) / total,
      efficiency: step.total / total,
    };
  });
}

/** Gradients that are complete at one time, in milliseconds from the begin of the last backward pass. */
interface Made {
  readonly bytes: number;
  readonly at: number;
}

function planExchange(step: TimedStep, profile: ChipProfile, link: LinkSpeed, ranks: number) {
  if (ranks === 1) return { exchange: 0, exposed: 0, sentBytes: 0 };
  const made = gradients(step, profile);
  const { at: computed } = made.at(-1)!;
  const bytes = made.reduce((sum, each) => sum + each.bytes, 0);
  const most = bucketBytes(bytes);
  let [end, exchange, filled] = [0, 0, 0];
  for (const [index, each] of made.entries()) {
    filled += each.bytes;
    if (filled < most && index < made.length - 1) continue;
    const took = exchangeMs(filled, profile, link, ranks);
    end = Math.max(end, each.at) + took;
    exchange += took;
    filled = 0;
  }
  const agreements = (AGREEMENTS * Math.ceil(Math.log2(ranks)) * link.latency) / 1000;
  return { exchange, exposed: end - computed + agreements, sentBytes: exchangedBytes(bytes, ranks) };
}

/** The gradients of a step in the order in which they are complete. */
function gradients(step: TimedStep, profile: ChipProfile): Made[] {
  const { config, parameters, blocks } = step;
  const { layers, vocab, dim, tiedHead } = config;
  const ends = lastGradients(step, profile);
  // Adapters are those of layers alone.
  const table = vocab * dim > parameters ? 0 : 4 * vocab * dim;
  const inLayers = 4 * parameters - (tiedHead ? 1 : 2) * table;
  return [
    { bytes: tiedHead ? 0 : table, at: ends.head },
    ...ends.blocks.map((at, index) => ({ bytes: (blocks[index % blocks.length]!.matrices * inLayers) / layers, at })),
    { bytes: table, at: ends.embedding },
  ].toSorted((a, b) => a.at - b.at);
}

/**
 * A sum over the ranks: every rank gets its share of all others at once, adds them, and passes the result round. One thread adds while others'
 * shares arrive.
 */
function exchangeMs(bytes: number, { host }: ChipProfile, { bandwidth, latency }: LinkSpeed, ranks: number): number {
  const transfer = exchangedBytes(bytes, ranks) / (bandwidth * 1e6);
  const sum = (bytes * (ranks + 1)) / ranks / (host.elementwiseGBps.value * 1e6);
  // The ranks agree on the call, exchange shares, and pass the results on from neighbour to neighbour.
  const messages = Math.ceil(Math.log2(ranks)) + 1 + (ranks - 1);
  return Math.max(transfer, sum) + (messages * latency) / 1000;
}
