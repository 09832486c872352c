import type { OpCase } from '../contract/op-case.js';
import { opCases } from '../contract/ops.cases.js';

/** mulberry32: a small generator with a fixed seed. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const pieces = [
  '[',
  ']',
  '(',
  ')',
  '{',
  '}',
  '<',
  '>',
  ',',
  ';',
  '=',
  '"',
  '->',
  '-1',
  '0',
  '1',
  '2',
  '7',
  '65536',
  '4294967296',
  '99999999999999999999',
  '0x1p-3',
  '-inf',
  'true',
  'x',
  'tensor<fp16, [1]>',
  'int32',
  'string',
  'BLOBFILE',
  'split',
  'concat',
  'matmul',
  '\\',
  '\u0000',
  'é',
];

/** One to three edits of characters, tokens or lines. */
export function mutate(text: string, next: (below: number) => number): string {
  let result = text;
  for (let edits = 1 + next(3); edits > 0; edits--) {
    const at = next(result.length + 1);
    const lines = result.split('\n');
    const line = next(lines.length);
    switch (next(7)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + 1 + next(20));
        break;
      case 1:
        result = result.slice(0, at) + pieces[next(pieces.length)] + result.slice(at);
        break;
      case 2:
        result = result.slice(0, at);
        break;
      case 3:
        result = lines.toSpliced(line, 1).join('\n');
        break;
      case 4:
        result = lines.toSpliced(next(lines.length), 0, lines[line] as string).join('\n');
        break;
      default: {
        // A number or a word becomes another: most of these pass the parser.
        const words = [...result.matchAll(/-?\d+|[a-z_]\w*/gi)];
        if (words.length === 0) break;
        const word = words[next(words.length)]!;
        const by = /\d/.test(word[0]) && next(2) ? pieces[13 + next(8)] : words[next(words.length)]![0];
        result = result.slice(0, word.index) + by + result.slice(word.index + word[0].length);
      }
    }
  }
  return result;
}

const withWeights = opCases.filter((c) => c.weightFile !== undefined);

/** A damaged case: its text, or its weight file, mostly where records are. */
export function damagedCase(next: (below: number) => number): Pick<OpCase, 'text' | 'weightFile'> {
  const pool = next(2) ? opCases : withWeights;
  const { text, weightFile } = pool[next(pool.length)]!;
  const file = weightFile?.slice();
  if (file === undefined || next(2)) return { text: mutate(text, next), weightFile: file };
  file[next(Math.min(next(2) ? 96 : file.length, file.length))]! ^= 1 << next(8);
  return { text, weightFile: next(8) ? file : file.subarray(0, next(file.length)) };
}
