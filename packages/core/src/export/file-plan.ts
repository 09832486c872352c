import type { ExportDtype } from './number-format.js';
import { numberFormats } from './number-format.js';

/** Numbers of a file: made when they are written, so that one tensor at a time is in memory beside the model. */
export interface StoredValues {
  readonly count: number;
  readonly dtype: ExportDtype;
  readonly values: () => Float32Array;
}

/** A file to be written: its pieces follow each other. */
export interface FilePlan {
  /** Within its folder. */
  readonly name: string;
  readonly pieces: readonly (Uint8Array | StoredValues)[];
}

const pieceBytes = (piece: FilePlan['pieces'][number]): number =>
  piece instanceof Uint8Array ? piece.length : numberFormats[piece.dtype].bytes(piece.count);

export const planBytes = ({ pieces }: FilePlan): number =>
  pieces.reduce((total, piece) => total + pieceBytes(piece), 0);

/** A file of JSON, as transformers lays it out. */
export const jsonFile = (name: string, value: unknown): FilePlan => ({
  name,
  pieces: [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)],
});
