import { addon, lint, loadProfile } from '@mayfly/native';
import { expect, test } from 'vitest';
import { arena, compileError, device } from '../../fixtures/mil-compile.js';

const plus = (name: string, summand: number): string =>
  `func ${name}<ios18>(tensor<fp32, [4]> x) {
     fp32 c = const()[name = string("c"), val = fp32(${summand})];
     tensor<fp32, [4]> y = add(x = x, y = c)[name = string("y")];
   } -> (y);`;
const program = (...functions: string[]): string =>
  `program(1.3)\n[buildInfo = dict<string, string>({})]\n{\n${functions.join('\n')}\n}\n`;

const resultOf = (text: string, function_?: string): number => {
  const info = device.compile(text, [], { function: function_ });
  const view = new Float32Array(arena.view(0, 32).buffer, 0, 8).fill(0);
  device.evaluate(info.program, [0, 16]);
  device.unload(info.program);
  return view[4] as number;
};

test('a function is chosen by its name; the default is main, then the first', () => {
  const text = program(plus('prefill', 1), plus('main', 2), plus('decode', 3));
  expect([undefined, 'main', 'prefill', 'decode'].map((name) => resultOf(text, name))).toEqual([2, 2, 1, 3]);
  expect(resultOf(program(plus('prefill', 1), plus('decode', 3)))).toBe(1);
});

test('a name that no function has is an error that lists them', () => {
  const text = program(plus('prefill', 1), plus('decode', 3));
  expect(() => device.compile(text, [], { function: 'train' })).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARGUMENT',
      message: "Expected function to be one of the program's (prefill, decode), got train",
    }),
  );
});

test('two functions of one name are refused, and so is a mistake in any of them when it is read', () => {
  expect(compileError(program(plus('f', 1), plus('f', 2)))).toMatchObject({ code: 'ERR_MIL_SYNTAX' });
  const wrong = program(plus('main', 1), plus('other', 2).replace('add(', 'nothing('));
  expect(resultOf(wrong)).toBe(1);
  expect(() => device.compile(wrong, [], { function: 'other' })).toThrow(
    expect.objectContaining({ code: 'ERR_MIL_UNSUPPORTED', line: 10 }),
  );
});

test('inspectMil gives one function and the names of all; lint checks each', () => {
  const text = program(plus('prefill', 1), plus('main', 2));
  expect(addon.inspectMil(text)).toMatchObject({ name: 'main', functions: ['prefill', 'main'] });
  expect(addon.inspectMil(text, 'prefill').name).toBe('prefill');
  const lines = lint(text, loadProfile('m4'))
    .filter(({ rule }) => rule.startsWith('port-'))
    .map(({ line }) => line);
  expect(lines.some((line) => line < 8) && lines.some((line) => line >= 8)).toBe(true);
});

test.each(['cpu', 'sim:m4'])('device %s refuses to leave a program unchecked', (name) => {
  const other = addon.openDevice(name, arena);
  expect(() => other.compile(program(plus('main', 1)), [], { unchecked: true })).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('unchecked to be false'),
    }),
  );
  other.close();
});
