import { BUCKET_BYTES } from './step-schedule.js';

/** A tensor in a flat block of fp32. */
export interface BlockEntry {
  /** In elements. */
  readonly offset: number;
  readonly count: number;
}

/** Bytes of a flat block that one rank owns; null where all ranks do. */
export interface OwnedBytes {
  /** From the begin of the block. */
  readonly offset: number;
  readonly bytes: number;
  readonly owner: number | null;
}

/** Tensors as ranges, each one call of the group: those of one owner that lie side by side are one range, which is at most as long as a bucket. */
export function ownedRanges<Entry extends BlockEntry>(
  entries: readonly Entry[],
  ownerOf: (entry: Entry) => number | null,
): OwnedBytes[] {
  const ranges: { offset: number; bytes: number; owner: number | null }[] = [];
  for (const entry of entries.toSorted((a, b) => a.offset - b.offset)) {
    const owner = ownerOf(entry);
    const end = 4 * (entry.offset + entry.count);
    for (let start = 4 * entry.offset; start < end; start += BUCKET_BYTES) {
      const bytes = Math.min(BUCKET_BYTES, end - start);
      const last = ranges.at(-1);
      const follows = last !== undefined && last.owner === owner && last.offset + last.bytes === start;
      if (follows && last.bytes + bytes <= BUCKET_BYTES) last.bytes += bytes;
      else ranges.push({ offset: start, bytes, owner });
    }
  }
  return ranges;
}
