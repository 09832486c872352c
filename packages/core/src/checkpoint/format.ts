import { createHash } from 'node:crypto';
import { MayflyError } from '@mayfly/native';
import { Packr } from 'msgpackr';

// A checkpoint file:
//   8 bytes   "MAYFLYCK"
//   4         format version (all numbers are little-endian)
//   4         bytes of the header
//   …         header, msgpack: { fields, sections: { name: [offset from the first section, bytes] } }
//   32        SHA-256 of everything up to here, so that the header can be trusted before the rest is read
//   …         sections, each at a multiple of 64 bytes, zeros in between
//   32        SHA-256 of everything up to here
const magic = Buffer.from('MAYFLYCK', 'latin1');
const VERSION = 1;
const ALIGNMENT = 64;
export const prefixBytes = 16;
export const digestBytes = 32;
const LARGEST_HEADER = 2 ** 26;

const packr = new Packr({ useRecords: false, structuredClone: true });

/** What a checkpoint says besides its sections: anything that msgpack and structured clone know. */
export interface CheckpointHeader {
  /** Optimizer steps done. */
  readonly step: number;
  readonly [field: string]: unknown;
}

/** Raw bytes by name. */
export type Sections = Readonly<Record<string, Uint8Array>>;

/** A section's place in the file. */
export interface SectionRange {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface CheckpointHead {
  readonly header: CheckpointHeader;
  /** In the file's order. */
  readonly ranges: readonly SectionRange[];
  /** Where the last digest starts; the file ends with it. */
  readonly digestOffset: number;
}

/** All that comes before the first section, and where the sections go. */
export function encodeHead(header: CheckpointHeader, sections: Sections): { bytes: Buffer; head: CheckpointHead } {
  let end = 0;
  const table = Object.entries(sections).map(([name, { byteLength }]) => {
    const offset = aligned(end);
    end = offset + byteLength;
    return [name, [offset, byteLength]] as const;
  });
  const packed = packr.pack({ fields: header, sections: Object.fromEntries(table) });
  const prefix = Buffer.alloc(prefixBytes);
  magic.copy(prefix);
  prefix.writeUInt32LE(VERSION, 8);
  prefix.writeUInt32LE(packed.length, 12);
  const bytes = Buffer.concat([prefix, packed, digest([prefix, packed])]);
  return { bytes, head: describe(header, table, bytes.length) };
}

/** Bytes of the header and its digest, which follow the prefix. */
export function headerLength(prefix: Buffer, path: string): number {
  const found = prefix.subarray(0, magic.length);
  if (!found.equals(magic)) {
    throw damaged(path, `\`${magic}\` at the start`, `\`${found.toString('latin1').replace(/[^ -~]/g, '.')}\``);
  }
  const version = prefix.readUInt32LE(8);
  if (version !== VERSION) throw damaged(path, `format version ${VERSION}`, String(version));
  const length = prefix.readUInt32LE(12);
  if (length > LARGEST_HEADER) throw damaged(path, `a header of at most ${LARGEST_HEADER} bytes`, String(length));
  return length + digestBytes;
}

/** @param rest The header and its digest. */
export function decodeHead(prefix: Buffer, rest: Buffer, path: string): CheckpointHead {
  const packed = rest.subarray(0, rest.length - digestBytes);
  const expected = digest([prefix, packed]);
  const actual = rest.subarray(packed.length);
  if (!expected.equals(actual)) throw wrongDigest(path, 'header', actual, expected);
  const { fields, sections } = packr.unpack(packed) as {
    fields: CheckpointHeader;
    sections: Record<string, [number, number]>;
  };
  return describe(fields, Object.entries(sections), prefixBytes + rest.length);
}

export function damaged(path: string, expected: string, actual: string): MayflyError {
  return new MayflyError('ERR_CHECKPOINT', `${path}: Expected a checkpoint with ${expected}, got ${actual}`);
}

export function wrongDigest(path: string, part: string, stored: Buffer, computed: Buffer): MayflyError {
  const short = (bytes: Buffer) => bytes.toString('hex', 0, 8);
  return damaged(
    path,
    `SHA-256 ${short(stored)}… of its ${part}`,
    `${short(computed)}…: it was damaged after it was written`,
  );
}

function describe(
  header: CheckpointHeader,
  table: readonly (readonly [string, readonly [number, number]])[],
  headBytes: number,
): CheckpointHead {
  const start = aligned(headBytes);
  const ranges = table.map(([name, [offset, bytes]]) => ({ name, offset: start + offset, bytes }));
  const end = ranges.reduce((last, { offset, bytes }) => Math.max(last, offset + bytes), headBytes);
  return { header, ranges, digestOffset: aligned(end) };
}

function digest(parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}
