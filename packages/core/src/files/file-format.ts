import { readFully, withFile } from './read-file.js';

const latin1 = (start: Buffer, from: number, to: number): string => start.toString('latin1', from, to);
const begins = (magic: string) => (start: Buffer) => latin1(start, 0, magic.length) === magic;

/** Formats that users mistake for others, by their first bytes. */
const formats = [
  ['a checkpoint of Mayfly', begins('MAYFLYCK')],
  // The length of a JSON header, then that header.
  ['a safetensors file', (start: Buffer) => latin1(start, 5, 9) === '\0\0\0{'],
  // Protocol buffers: field 1 is a piece, whose own field 1 is its text, before a score and perhaps a type.
  [
    'a SentencePiece model',
    (start: Buffer) => start[0] === 10 && start[2] === 10 && [7, 9].includes(start[1]! - start[3]!),
  ],
  ['a GGUF file', begins('GGUF')],
  ['a PyTorch or NumPy archive', begins('PK\x03\x04')],
  ['a PyTorch file', begins('\x80\x02\x8a\x0a')],
  ['a NumPy array', begins('\x93NUMPY')],
  ['a gzip file', begins('\x1f\x8b')],
  ['a Zstandard file', begins('\x28\xb5\x2f\xfd')],
  ['a Parquet file', begins('PAR1')],
  ['a HDF5 file', begins('\x89HDF')],
  ['a JSON file', (start: Buffer) => /^(\xef\xbb\xbf)?\s*\{\s*("|\}|$)/.test(latin1(start, 0, 16))],
] as const;

export type FileFormat = (typeof formats)[number][0];

/** The format that a file's first bytes identify; undefined for text, llama2.c's files and other formats without a mark. */
export function fileFormat(path: string): FileFormat | undefined {
  return withFile(path, 'a file', (fd) => {
    const start = Buffer.alloc(16);
    readFully(fd, start, 0);
    return formats.find(([, matches]) => matches(start))?.[0];
  });
}
