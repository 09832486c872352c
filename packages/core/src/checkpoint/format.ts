import { createHash } from 'node:crypto';
import { invalidArgument, MayflyError } from '@mayfly/native';
import { type MsgpackBounds, msgpack, msgpackFault } from '@mayfly/worker';

// A checkpoint file (docs/reference/formats.md):
//   8 bytes   "MAYFLYCK"
//   4         format version (all numbers are little-endian)
//   4         bytes of the header
//   …         header, msgpack: { fields, sections: { name: [offset from the first section, bytes] } } and, where there are
//             several files, parts of the first or part of the others
//   32        SHA-256 of everything up to here, so that the header can be trusted before the rest is read
//   …         sections, each at a multiple of 64 bytes, zeros in between
//   32        SHA-256 of everything up to here
const magic = Buffer.from('MAYFLYCK', 'latin1');
/**
 * All versions up to the latest are read. They count changes of the layout and of the headers of training runs: version 2 brought the
 * names of a run and of its inputs, version 3 sections in several files.
 */
const LATEST = 3;
/** The version of one file by itself. */
const SINGLE = 2;
const ALIGNMENT = 64;
export const prefixBytes = 16;
export const digestBytes = 32;
const LARGEST_HEADER = 2 ** 24;
const MOST_PARTS = 2 ** 16;
/** The extensions are those of msgpackr that hold plain data: `undefined`, typed arrays, dates. */
const headerBounds: MsgpackBounds = { levels: 32, values: 2 ** 20, extensions: new Set([0x00, 0x74, 0xff]) };
/** No names that JavaScript orders or inherits by itself: `1`, `__proto__`. */
const sectionName = /^[a-z][\w./-]{0,255}$/i;

const packr = msgpack('bigint');

/** The header of a checkpoint: plain data that msgpack can hold. */
export interface CheckpointFields {
  /** The run that wrote it. Absent outside of runs, and in files of versions that did not name runs. */
  readonly run?: string;
  readonly [field: string]: unknown;
}

/** The header of a checkpoint that was read: the fields that were written, and its step. */
export interface CheckpointHeader extends CheckpointFields {
  /** Number of optimizer steps done. */
  readonly step: number;
}

/** Raw bytes by name: in one piece, or in several that follow each other. */
export type Sections = Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>;

/** A piece of a section that is fetched when its turn to be written comes. */
export interface FetchedPiece {
  readonly byteLength: number;
  /** Called once. The bytes must not change until the next piece is asked for. */
  readonly read: () => Promise<Uint8Array>;
}

/** Sections that are written, whose pieces need not all be at hand. */
export type WrittenSections = Readonly<Record<string, Uint8Array | readonly (Uint8Array | FetchedPiece)[]>>;

/** The pieces of a section. */
export const piecesOf = <Piece>(section: Uint8Array | readonly Piece[]): readonly (Uint8Array | Piece)[] =>
  section instanceof Uint8Array ? [section] : section;

/** The bytes of a section. */
export const sectionBytes = (section: WrittenSections[string]): number =>
  piecesOf(section).reduce((sum, { byteLength }) => sum + byteLength, 0);

/** Sections of a checkpoint that lie in several files: in its own and in its parts. */
export interface PartTable {
  /** In the names of the parts, eight hexadecimal digits: those of one checkpoint alone have it. */
  readonly word: string;
  /** Number of parts. */
  readonly count: number;
  /** Of each section, in order: the file of the next bytes, 0 for the checkpoint's own, and how many these are. A file has its own of a section side by side. */
  readonly sections: Readonly<Record<string, readonly PartPiece[]>>;
}

export type PartPiece = readonly [part: number, bytes: number];

/** Which part of a checkpoint a file is. */
export interface PartPlace {
  readonly word: string;
  /** From 1. */
  readonly index: number;
}

/** What a header says of other files. */
export type OtherFiles = { readonly parts: PartTable } | { readonly part: PartPlace };

/** The place of a section in the file. */
export interface SectionRange {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface CheckpointHead {
  /** Format version, from 1. */
  readonly version: number;
  readonly header: CheckpointHeader;
  /** In the file's order. */
  readonly ranges: readonly SectionRange[];
  /** Offset of the last digest, with which the file ends. */
  readonly digestOffset: number;
  /** Null where all of the checkpoint is in the file. */
  readonly parts: PartTable | null;
  /** Null where the file is no part of another. */
  readonly part: PartPlace | null;
}

/** Encodes everything before the first section, and places the sections. */
export function encodeHead(
  header: CheckpointHeader,
  sections: WrittenSections,
  others?: OtherFiles,
): { bytes: Buffer; head: CheckpointHead } {
  let end = 0;
  const table = Object.entries(sections).map(([name, section]) => {
    const byteLength = sectionBytes(section);
    if (!sectionName.test(name)) throw invalidArgument('sections', `names of letters, digits and ./-_`, name);
    const offset = aligned(end);
    end = offset + byteLength;
    return [name, [offset, byteLength]] as const;
  });
  const packed = packr.pack({ fields: header, sections: Object.fromEntries(table), ...others });
  const fault = packed.length > LARGEST_HEADER ? `${packed.length} bytes` : msgpackFault(packed, headerBounds);
  if (fault !== null) throw invalidArgument('header', `plain data of at most ${LARGEST_HEADER} bytes`, fault);
  const prefix = Buffer.alloc(prefixBytes);
  magic.copy(prefix);
  const version = others === undefined ? SINGLE : LATEST;
  prefix.writeUInt32LE(version, 8);
  prefix.writeUInt32LE(packed.length, 12);
  const bytes = Buffer.concat([prefix, packed, digest([prefix, packed])]);
  return { bytes, head: describe(version, { fields: header, table, ...noOthers, ...others }, bytes.length) };
}

/** Bytes of the header and its digest, which follow the prefix. */
export function headerLength(prefix: Buffer, path: string): number {
  const found = prefix.subarray(0, magic.length);
  if (!found.equals(magic)) {
    throw damaged(path, `\`${magic}\` at the start`, `\`${found.toString('latin1').replace(/[^ -~]/g, '.')}\``);
  }
  const version = prefix.readUInt32LE(8);
  if (version > LATEST) {
    throw new MayflyError(
      'ERR_CHECKPOINT',
      `${path}: a later Mayfly wrote this checkpoint (format version ${version}, this one reads 1 to ${LATEST}): update @mayfly/core`,
    );
  }
  if (version < 1) throw damaged(path, `format version 1 to ${LATEST}`, String(version));
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
  const fault = msgpackFault(packed, headerBounds);
  if (fault !== null) throw damaged(path, 'a header of plain data', fault);
  let header: unknown;
  try {
    header = packr.unpack(packed);
  } catch (error) {
    throw damaged(path, 'a readable header', `one refused with: ${(error as Error).message}`);
  }
  const version = prefix.readUInt32LE(8);
  return describe(version, checkedHeader(header, version, path), prefixBytes + rest.length);
}

type SectionTable = readonly (readonly [name: string, place: readonly [offset: number, bytes: number]])[];

interface Contents extends Pick<CheckpointHead, 'parts' | 'part'> {
  readonly fields: CheckpointHeader;
  readonly table: SectionTable;
}

const noOthers = { parts: null, part: null } as const;

/** Checks the form of a header, which may be forged together with its digest. Readers check the fields besides `step`. */
function checkedHeader(header: unknown, version: number, path: string): Contents {
  const { fields, sections, parts, part } = asObject(header, 'a header', path);
  const { step } = asObject(fields, 'fields in its header', path);
  if (!isCount(step)) throw damaged(path, 'a step from 0 up', typeof step === 'number' ? String(step) : typeof step);
  let end = 0;
  const table = Object.entries(asObject(sections, 'a table of sections', path)).map(([name, place]) => {
    const [offset, bytes] = Array.isArray(place) && place.length === 2 ? (place as unknown[]) : [];
    if (!sectionName.test(name)) throw damaged(path, 'names of sections', JSON.stringify(name.slice(0, 40)));
    if (!isCount(offset) || !isCount(bytes) || offset < end || offset % ALIGNMENT !== 0) {
      throw damaged(path, `a section ${name} behind the one before it, at a multiple of ${ALIGNMENT} bytes`, 'another');
    }
    end = offset + bytes;
    return [name, [offset, bytes]] as const;
  });
  const others =
    version <= SINGLE
      ? noOthers
      : {
          parts: parts === undefined ? null : checkedParts(parts, new Map(table), path),
          part: part === undefined ? null : checkedPlace(part, path),
        };
  return { fields: fields as CheckpointHeader, table, ...others };
}

function checkedParts(
  given: unknown,
  own: ReadonlyMap<string, readonly [offset: number, bytes: number]>,
  path: string,
): PartTable {
  const { word, count, sections } = asObject(given, 'a table of its parts', path);
  if (!isWord(word) || !isCount(count) || count < 1 || count > MOST_PARTS) {
    throw damaged(path, `the word and number of 1 to ${MOST_PARTS} parts`, 'something else');
  }
  for (const [name, pieces] of Object.entries(asObject(sections, 'a table of sections in parts', path))) {
    const areWhole = sectionName.test(name) && Array.isArray(pieces) && pieces.every((piece) => isPiece(piece, count));
    const first = areWhole
      ? (pieces as PartPiece[]).reduce((sum, [part, bytes]) => sum + (part === 0 ? bytes : 0), 0)
      : -1;
    if (first !== (own.get(name)?.[1] ?? 0))
      throw damaged(path, `the pieces of ${name.slice(0, 40)} in its parts`, 'others');
  }
  return { word, count, sections: sections as PartTable['sections'] };
}

function checkedPlace(given: unknown, path: string): PartPlace {
  const { word, index } = asObject(given, 'the place of a part', path);
  if (isWord(word) && isCount(index) && index > 0) return { word, index };
  throw damaged(path, 'the word and number of a part', 'something else');
}

const isPiece = (value: unknown, count: number): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(isCount) && (value[0] as number) <= count;

const isWord = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{8}$/.test(value);

function asObject(value: unknown, what: string, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return value as Record<string, unknown>;
  }
  throw damaged(path, what, value === undefined ? 'none' : 'something else');
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

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

function describe(version: number, { fields, table, parts, part }: Contents, headBytes: number): CheckpointHead {
  const start = aligned(headBytes);
  const ranges = table.map(([name, [offset, bytes]]) => ({ name, offset: start + offset, bytes }));
  const end = ranges.reduce((last, { offset, bytes }) => Math.max(last, offset + bytes), headBytes);
  return { version, header: fields, ranges, digestOffset: aligned(end), parts, part };
}

function digest(parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}
