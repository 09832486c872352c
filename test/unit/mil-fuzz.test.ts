import { expect, test } from 'vitest';
import { weightPath } from '../contract/mil-text.js';
import { opCases } from '../contract/ops.cases.js';
import { arena, compile, device } from './mil-compile.js';

const rounds = 6000;

/** mulberry32: a small generator with a fixed seed. */
function random(seed: number): (below: number) => number {
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
function mutate(text: string, next: (below: number) => number): string {
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

test(`${rounds} damaged programs are refused with an error of their own or run`, () => {
  const next = random(20_261_124);
  let compiled = 0;
  const codes = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const c = opCases[next(opCases.length)]!;
    const text = mutate(c.text, next);
    const file = c.weightFile?.slice();
    if (file && next(3) === 0) file[next(file.length)]! ^= 1 << next(8);
    try {
      const info = compile(text, file && { path: weightPath, data: file });
      compiled++;
      let end = 0;
      const offsets = [...info.inputs, ...info.outputs].map((port) => {
        const offset = end;
        end += Math.ceil(port.bytes / 64) * 64;
        return offset;
      });
      // Large ones would only take time.
      if (end <= arena.bytes && info.residentBytes < 4 << 20) device.evaluate(info.program, offsets);
      device.unload(info.program);
    } catch (error) {
      const { code } = error as { code?: string };
      expect(code, `${error}\n${text}`).toMatch(
        /^ERR_MIL_(SYNTAX|TYPE|UNSUPPORTED)$|^ERR_WEIGHT_BLOB$|^ERR_EVALUATION$/,
      );
      codes.set(code as string, (codes.get(code as string) ?? 0) + 1);
    }
  }
  // The mutations reach every stage.
  expect(compiled).toBeGreaterThan(rounds / 50);
  for (const code of ['ERR_MIL_SYNTAX', 'ERR_MIL_TYPE', 'ERR_MIL_UNSUPPORTED', 'ERR_WEIGHT_BLOB']) {
    expect(codes.get(code) ?? 0, code).toBeGreaterThan(10);
  }
});
