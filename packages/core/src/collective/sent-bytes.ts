/** One of the ranks of a group. */
export interface RankPlace {
  readonly rank: number;
  readonly size: number;
}

/** As `openCollective` has it by default. */
const SLICE_BYTES = 2 ** 22;
/** Shares of a slice begin on a cache line. */
const LINE_BYTES = 64;

/** Bytes that a rank sends in each operation of a group, as `Collective.sentBytes` counts them. */
export const sentBytes = {
  /** Of each slice a rank sends the others' shares, and its own as a sum to all of them. */
  allReduce(bytes: number, { rank, size }: RankPlace): number {
    let sent = 0;
    for (let at = 0; at < bytes; at += SLICE_BYTES) {
      const slice = Math.min(SLICE_BYTES, bytes - at);
      const share = Math.ceil(slice / (size * LINE_BYTES)) * LINE_BYTES;
      const own = Math.min(Math.max(slice - rank * share, 0), share);
      sent += slice - own + own * (size - 1);
    }
    return sent;
  },
  reduce: (bytes: number, owner: number, { rank }: RankPlace): number => (rank === owner ? 0 : bytes),
  broadcast: (bytes: number, root: number, { rank, size }: RankPlace): number =>
    rank === root ? bytes * (size - 1) : 0,
  /** Of a message of this rank. */
  exchange: (bytes: number, { size }: RankPlace): number => bytes * (size - 1),
} as const;
