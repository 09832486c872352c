import type { ChipProfile } from '@mayfly/native';
import type { PlanOptions } from './plan-options.js';
import { type PlannedStep, planStep } from './planned-step.js';
import { bytesInTurn, bytesOfRank } from './rank-bytes.js';
import { bucketBytes } from './step-schedule.js';
import { lastGradients } from './step-time.js';
import type { TimedStep } from './timed-step.js';
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
  /** In which gradients are exchanged; with a sharded optimizer, in which they are summed at their owners. */
  readonly exchange: number;
  /** With a sharded optimizer, in which updated parameters come from their owners; else 0. */
  readonly gather: number;
  /** The part of both that no pass hides. */
  readonly exposed: number;
  /**
   * Bytes that rank 0 sends, as its trainer counts them. Other ranks send as many but for the rounding of shares to 64 bytes; with a sharded
   * optimizer, but for the sizes of their tensors.
   */
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

/** How ranks are planned. */
export interface RankPlanOptions {
  /** Numbers of ranks. */
  readonly numbers: readonly number[];
  /** Whether the ranks share the optimizer's state out. Default: false. */
  readonly sharded?: boolean;
}

/**
 * The time of a step against the number of ranks, by the plan of one and a model of the link: gradients leave in buckets while the last
 * backward pass makes others, one bucket after the other. Where the ranks share the optimizer's state out, each updates its own tensors, and
 * gives them to all while the next forward pass goes from layer to layer.
 */
export function planRanks(
  given: PlanOptions,
  link: LinkSpeed,
  { numbers, sharded = false }: RankPlanOptions,
): RankPlan[] {
  const { step, tokensPerStep } = planTraining(given);
  const planned = planStep(given);
  const { work, trained, blocks } = planned;
  return numbers.map((ranks) => {
    const shares = sharded && ranks > 1;
    const exchanged = { config: given.config, trained, blocks, lateHead: work.onDevice !== undefined, sharded: shares };
    const { sums, copies } = shares ? bytesInTurn(exchanged, ranks) : { sums: null, copies: 0 };
    const { exchange, exposed: exposedSums } = planExchange(work, given.profile, link, { ranks, sums });
    const { gather, exposed: exposedCopies } = shares
      ? planGather(planned, given.profile, link, { ranks, copies })
      : noGather;
    const exposed = exposedSums + exposedCopies;
    const total = step.total + exposed - (shares ? (1 - 1 / ranks) * step.update : 0);
    return {
      ...{ ranks, total, exchange, gather, exposed },
      sentBytes: bytesOfRank(exchanged, { rank: 0, size: ranks }),
      tokensPerSecond: (1000 * ranks * tokensPerStep) / total,
      efficiency: step.total / total,
    };
  });
}

const noGather = { gather: 0, exposed: 0 } as const;

/** Gradients that are complete at one time, in milliseconds from the begin of the last backward pass. */
interface Made {
  readonly bytes: number;
  readonly at: number;
}

function planExchange(
  step: TimedStep,
  profile: ChipProfile,
  link: LinkSpeed,
  /** Of all gradients, the bytes that owners get in turn; null where all ranks get all sums. */
  { ranks, sums }: { readonly ranks: number; readonly sums: number | null },
) {
  if (ranks === 1) return { exchange: 0, exposed: 0 };
  const made = gradients(step, profile);
  const { at: computed } = made.at(-1)!;
  const bytes = made.reduce((sum, each) => sum + each.bytes, 0);
  const most = bucketBytes(bytes);
  let [end, exchange, filled] = [0, 0, 0];
  for (const [index, each] of made.entries()) {
    filled += each.bytes;
    if (filled < most && index < made.length - 1) continue;
    const inTurn = sums === null ? null : (filled / bytes) * sums;
    const took = exchangeMs(filled, profile, link, { ranks, inTurn });
    end = Math.max(end, each.at) + took;
    exchange += took;
    filled = 0;
  }
  const agreements = (AGREEMENTS * Math.ceil(Math.log2(ranks)) * link.latency) / 1000;
  return { exchange, exposed: end - computed + agreements };
}

/** Parameters come part by part in the order of the forward pass, each layer of which waits for its own; the embedding's table is first. */
function planGather(
  { work, parameters }: PlannedStep,
  profile: ChipProfile,
  link: LinkSpeed,
  { ranks, copies }: { readonly ranks: number; readonly copies: number },
) {
  const { config, forward, onDevice } = work;
  const { layers, vocab, dim, tiedHead } = config;
  const { roundTripUs, copyGBps } = profile.host;
  const table = vocab * dim > parameters ? 0 : 4 * vocab * dim;
  const layer = (4 * parameters - (tiedHead ? 1 : 2) * table) / layers;
  const broadcastMs = (bytes: number) =>
    ((bytes / (4 * parameters)) * copies) / (link.bandwidth * 1e6) +
    (2 * Math.ceil(Math.log2(ranks)) * link.latency) / 1000;
  const { evaluationsMs, copiedBytes, dispatches } = forward;
  const layerMs =
    (evaluationsMs + copiedBytes / (copyGBps.value * 1e6) + (dispatches * roundTripUs.value) / 1000) / layers;
  let gather = table === 0 ? 0 : broadcastMs(table);
  let now = gather;
  for (let index = 0; index < layers; index++) {
    gather += broadcastMs(layer);
    now = Math.max(now, gather) + layerMs;
  }
  // A loss on the device reads its table in chunks; it is there when the last layer is, or soon after.
  if (!tiedHead && table > 0) {
    gather += broadcastMs(table);
    now = Math.max(now, onDevice === undefined ? gather : gather - broadcastMs(table));
  }
  return { gather, exposed: now - layers * layerMs };
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
 * A sum over the ranks: every rank gets its share of all others at once, adds them, and passes the result round; an owner gets all of its tensors.
 * One thread adds while others' shares arrive.
 */
function exchangeMs(
  bytes: number,
  { host }: ChipProfile,
  { bandwidth, latency }: LinkSpeed,
  { ranks, inTurn }: { readonly ranks: number; readonly inTurn: number | null },
): number {
  const transfer = (inTurn ?? exchangedBytes(bytes, ranks)) / (bandwidth * 1e6);
  const sum = (bytes * (ranks + 1)) / ranks / (host.elementwiseGBps.value * 1e6);
  // The ranks agree on the call, exchange shares, and pass the results on from neighbour to neighbour, if not to the owners alone.
  const messages = Math.ceil(Math.log2(ranks)) + 1 + (inTurn === null ? ranks - 1 : 0);
  return Math.max(transfer, sum) + (messages * latency) / 1000;
}
