import type { ParameterEntry } from './parameters.js';

/** This process among those that share an optimizer's state. */
export interface ShardPlace {
  readonly rank: number;
  readonly size: number;
}

/**
 * Which rank owns a tensor's optimizer state, and updates it (Rajbhandari et al. 2020, stage 1): the largest tensors first, each goes to the
 * rank that has least.
 */
export class Shards {
  readonly #rank: number;
  readonly #owners = new Map<string, number>();

  constructor(entries: readonly ParameterEntry[], { rank, size }: ShardPlace) {
    this.#rank = rank;
    const loads = new Array<number>(size).fill(0);
    for (const entry of entries.toSorted((a, b) => b.count - a.count || a.offset - b.offset)) {
      const owner = loads.indexOf(Math.min(...loads));
      loads[owner]! += entry.count;
      this.#owners.set(keyOf(entry), owner);
    }
  }

  ownerOf(entry: Pick<ParameterEntry, 'name' | 'layer'>): number {
    return this.#owners.get(keyOf(entry))!;
  }

  /** Whether this rank owns the tensor. */
  owns(entry: Pick<ParameterEntry, 'name' | 'layer'>): boolean {
    return this.ownerOf(entry) === this.#rank;
  }
}

const keyOf = ({ name, layer }: Pick<ParameterEntry, 'name' | 'layer'>): string => `${layer}.${name}`;
