import { dirname } from 'node:path';
import { isMayflyError } from '@mayfly/native';
import { partPath } from './directory.js';
import { damaged, type PartTable, piecesOf, type Sections } from './format.js';
import { CHUNK_BYTES, type OpenFile, openFile, readFully } from './open-file.js';

/** Takes a section piece by piece, in the order of the file. */
export interface SectionSink {
  /** Size of the section. */
  readonly bytes: number;
  /** Takes the piece that begins `position` bytes into the section. It may change the bytes, whose memory the next call uses again. */
  readonly write: (bytes: Uint8Array, position: number) => void | Promise<void>;
}

/** The views of a section that each file has of it, in order. */
export function sharesOf(view: Sections[string], { count, sections }: PartTable, name: string): Uint8Array[][] {
  const shares = Array.from({ length: count + 1 }, (): Uint8Array[] => []);
  const left = [...(piecesOf(view) as readonly Uint8Array[])];
  for (const [part, bytes] of sections[name]!) {
    for (let missing = bytes; missing > 0; ) {
      const piece = left.shift()!;
      shares[part]!.push(piece.subarray(0, missing));
      if (piece.length > missing) left.unshift(piece.subarray(missing));
      missing -= Math.min(missing, piece.length);
    }
  }
  return shares;
}

/** Reads a section whose bytes lie in several files, in its order. The files are known to be whole. */
export async function readParted(
  own: OpenFile,
  name: string,
  sink: SectionSink,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { count, sections } = own.head.parts!;
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(1, sink.bytes)));
  const files: OpenFile[] = [own];
  const withParts = async (next: number): Promise<void> => {
    if (next <= count) {
      await openPart(own, next, async (part) => {
        files.push(part);
        await withParts(next + 1);
      });
      return;
    }
    const places = files.map(({ head }) => head.ranges.find((range) => range.name === name)?.offset ?? 0);
    let [position, filled] = [0, 0];
    for (const [part, bytes] of sections[name]!) {
      const { file, path } = files[part]!;
      for (let left = bytes; left > 0; ) {
        signal?.throwIfAborted();
        const target = chunk.subarray(filled, filled + left);
        await readFully(file, target, places[part]!, path);
        places[part]! += target.length;
        left -= target.length;
        filled += target.length;
        if (filled < chunk.length && position + filled < sink.bytes) continue;
        await sink.write(chunk.subarray(0, filled), position);
        position += filled;
        filled = 0;
      }
    }
  };
  await withParts(1);
}

/** Opens a part of a checkpoint, which has to be the one that its head names, with what that says of its sections. */
export async function openPart(
  { path, head }: OpenFile,
  index: number,
  read: (part: OpenFile) => Promise<void>,
): Promise<void> {
  const { word, sections } = head.parts!;
  const at = partPath(dirname(path), head.header.step, { word, index });
  const checked = async (part: OpenFile) => {
    const { part: place, ranges } = part.head;
    if (place?.word !== word || place.index !== index)
      throw damaged(path, `part ${index} at ${at}`, 'another file there');
    for (const [name, pieces] of Object.entries(sections)) {
      const expected = pieces.reduce((sum, [of, bytes]) => sum + (of === index ? bytes : 0), 0);
      const actual = ranges.find((range) => range.name === name)?.bytes ?? 0;
      if (actual !== expected) throw damaged(at, `${expected} bytes of ${name}`, String(actual));
    }
    await read(part);
  };
  try {
    await openFile(at, checked);
  } catch (error) {
    if (isMayflyError(error) && error.code === 'ERR_FILE_NOT_FOUND')
      throw damaged(path, `part ${index} at ${at}`, 'no file there: it evaluates without it, and cannot be resumed');
    throw error;
  }
}
