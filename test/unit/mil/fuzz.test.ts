import { expect, test } from 'vitest';
import { weightPath } from '../../contract/mil-text.js';
import { arena, compile, device } from '../../fixtures/mil-compile.js';
import { damagedCase, random } from '../../fixtures/mil-damage.js';

const rounds = 6000;

test(`${rounds} damaged programs are refused with an error of their own or run`, () => {
  const next = random(20_261_124);
  let compiled = 0;
  const codes = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const { text, weightFile: file } = damagedCase(next);
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
        /^ERR_MIL_(SYNTAX|TYPE|UNSUPPORTED)$|^ERR_WEIGHT_BLOB$|^ERR_INPUT_DATA$/,
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
