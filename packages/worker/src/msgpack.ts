import { Packr } from 'msgpackr/pack';

/**
 * Plain data as msgpack. msgpackr is compiled into this package, and into no other: as a dependency it would bring one with an install
 * script, over which pnpm ends with an error.
 */
export interface Msgpack {
  pack(value: unknown): Buffer;
  /** Errors: msgpackr's own. Bytes from elsewhere are to be checked by `msgpackFault` first. */
  unpack(bytes: Uint8Array): unknown;
}

/** Integers of 64 bits are unpacked as numbers or as bigints. */
export const msgpack = (integers: 'number' | 'bigint'): Msgpack =>
  new Packr({ useRecords: false, int64AsType: integers });
