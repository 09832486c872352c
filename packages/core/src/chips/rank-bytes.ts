import { type RankPlace, sentBytes } from '../collective/sent-bytes.js';
import type { ModelConfig } from '../model/config.js';
import type { ParameterEntry } from '../model/parameters.js';
import { Shards } from '../model/shards.js';
import { ownedRanges } from './owned-ranges.js';
import type { PlannedBlock } from './step-counts.js';
import { bucketBytes } from './step-schedule.js';

/** What ranks exchange in a step. */
export interface ExchangedStep {
  readonly config: Pick<ModelConfig, 'layers' | 'tiedHead'>;
  /** The parameters that are trained, in the order of the layout. */
  readonly trained: readonly ParameterEntry[];
  /** Of every layer, from the bottom up. */
  readonly blocks: readonly PlannedBlock[];
  /** Whether the classifier's products run on the device, so that the gradient of its table is late. */
  readonly lateHead: boolean;
  /** Whether the ranks share the optimizer's state out. */
  readonly sharded: boolean;
}

/** Loss and votes of a rank, and the square of a tensor's gradient: numbers of 8 bytes. */
const NUMBER_BYTES = 8;
const VOTE_NUMBERS = 3;
/** Ranks to which a root sends by itself. */
const MOST_BY_ROOT = 4;

/** Bytes that a rank sends in a step, exactly: those that its trainer counts (`ExchangeSummary.sentBytesPerStep`). */
export function bytesOfRank(step: ExchangedStep, place: RankPlace): number {
  if (place.size === 1) return 0;
  const { trained, sharded } = step;
  const shards = sharded ? new Shards(trained, place) : null;
  const numbers = VOTE_NUMBERS + (sharded ? trained.length : 0);
  let sent = sentBytes.exchange(NUMBER_BYTES * numbers, place);
  for (const bucket of bucketsOf(step)) {
    for (const { bytes, owner } of ownedRanges(bucket, (entry) => shards?.ownerOf(entry) ?? null)) {
      sent += owner === null ? sentBytes.allReduce(bytes, place) : sentBytes.reduce(bytes, owner, place);
    }
  }
  // The owners pass on what they have updated.
  for (const entry of shards === null ? [] : trained)
    sent += sentBytes.broadcast(4 * entry.count, shards!.ownerOf(entry), place);
  return sent;
}

/**
 * Bytes that one link carries one after the other where tensors have owners, for all gradients and for all parameters: those of one owner
 * have its link to themselves, while those of different owners in a bucket, or in a layer, move at the same time.
 */
export function bytesInTurn(step: ExchangedStep, size: number): { readonly sums: number; readonly copies: number } {
  const shards = new Shards(step.trained, { rank: 0, size });
  const longest = (entries: readonly ParameterEntry[]) => {
    const loads = new Array<number>(size).fill(0);
    for (const entry of entries) loads[shards.ownerOf(entry)]! += 4 * entry.count;
    return Math.max(...loads);
  };
  const parts = new Map<string | number, ParameterEntry[]>();
  for (const entry of step.trained) {
    const part = entry.layer < 0 ? entry.name : entry.layer;
    parts.set(part, [...(parts.get(part) ?? []), entry]);
  }
  const sum = (groups: Iterable<ParameterEntry[]>) => [...groups].reduce((total, each) => total + longest(each), 0);
  // Open MPI's root of a copy sends to each of a few ranks itself, and lets many pass it on.
  const copies = size <= MOST_BY_ROOT ? size - 1 : 1;
  return { sums: (size - 1) * sum(bucketsOf(step)), copies: copies * sum(parts.values()) };
}

/** The rank that has the most of the optimizer's state. */
export function fullestRank(trained: readonly ParameterEntry[], size: number): number {
  const shards = new Shards(trained, { rank: 0, size });
  const elements = new Array<number>(size).fill(0);
  for (const entry of trained) elements[shards.ownerOf(entry)]! += entry.count;
  return elements.indexOf(Math.max(...elements));
}

/** Gradients that are exchanged together, by their places in the block of all. */
function bucketsOf(step: ExchangedStep): ParameterEntry[][] {
  const { trained } = step;
  let offset = 0;
  const placed = new Map(
    trained.map((entry) => {
      const at = { ...entry, offset };
      offset += entry.count;
      return [keyOf(entry), at] as const;
    }),
  );
  const full = bucketBytes(4 * offset);
  const buckets: ParameterEntry[][] = [];
  let filled = full;
  for (const key of gradientOrder(step)) {
    const entry = placed.get(key);
    if (entry === undefined) continue;
    if (filled >= full) {
      buckets.push([]);
      filled = 0;
    }
    buckets.at(-1)!.push(entry);
    filled += 4 * entry.count;
  }
  return buckets;
}

/** The parameters in the order in which a pass finishes their gradients, as `Head` and `Layers` do. */
function gradientOrder({ config: { layers, tiedHead }, blocks, lateHead }: ExchangedStep): string[] {
  const outside = (name: string) => keyOf({ name, layer: -1 });
  const head = tiedHead ? [] : [outside('head')];
  const order = [...(lateHead ? [] : head), outside('finalNorm')];
  for (let layer = layers - 1; layer >= 0; layer--) {
    for (const { block, flow } of blocks.toReversed()) {
      for (const name of [block.norm, ...flow.parameters.map(({ parameter }) => parameter)])
        order.push(keyOf({ name, layer }));
    }
  }
  return [...order, ...(lateHead ? head : []), outside('embedding')];
}

const keyOf = ({ name, layer }: Pick<ParameterEntry, 'name' | 'layer'>): string => `${layer}.${name}`;
