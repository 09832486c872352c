import { expect, test } from 'vitest';
import { atMark, compile, compileError, program } from '../../fixtures/mil-compile.js';

const tensorY = 'tensor<fp16, [1, 8, 1, 4]> y';

// The mark @ stands where the error is.
test.each<[string, string, RegExp]>([
  ['an empty text', '@', /Expected `program`, got the end of the text/],
  ['an unknown character', 'program(1.3) @#', /Expected MIL text, got `#`/],
  ['a string without end', 'program(1.3)\n[buildInfo = dict<string, string>({{@"a', /string to end on its line/],
  [
    'a missing semicolon',
    program(`${tensorY} = identity(x = x)`).replace('\n}', '\n@}'),
    /`;` in the statement of `y`, got `}`/,
  ],
  ['an unknown type', program('@tensr<fp16, [1]> y = identity(x = x);'), /Expected a type, got `tensr`/],
  ['an unknown element type', program('tensor<@half, [1]> y = identity(x = x);'), /element type, got `half`/],
  ['a dimension of 0', program('tensor<fp16, [1, @0]> y = identity(x = x);'), /from 1 up, got `0`/],
  ['a negative dimension', program('tensor<fp16, [1, @-4]> y = identity(x = x);'), /whole number, got `-4`/],
  ['too many elements', program('tensor<fp16, [65536, 65536, @2]> y = identity(x = x);'), /at most 4294967296 el/],
  ['too many dimensions', program('tensor<fp16, [1,1,1,1,1,1,1,1,@1]> y = identity(x = x);'), /at most 8 dim/],
  ['an argument without value', program(`${tensorY} = identity(x = @);`), /Expected a number, a string/],
  ['a positional argument', program(`${tensorY} = identity(x@);`), /Expected `=` in the statement of `y`/],
  ['a second program', `${program(`${tensorY} = identity(x = x);`)}@program(1.3)`, /the end of the text/],
  ['a nest of lists', program(`${tensorY} = relu(x = ${'['.repeat(16)}@${'['.repeat(100)}`), /nested at most 16 deep/],
  ['a function that returns nothing', program('', undefined, '@'), /name of a result, got `\)`/],
  ['lines that end with CR LF and comments', 'program(1.3) // {\r\n  // }\r\n\t@?', /got `\?`/],
])('%s', (_, marked, message) => {
  const { text, line, column } = atMark(marked);
  const error = compileError(text);
  expect(error).toMatchObject({ code: 'ERR_MIL_SYNTAX', line, column });
  expect(error.message).toMatch(message);
  expect(error.message).toContain(`(line ${line}, column ${column})`);
});

test.each([
  ['a version', 'program(@2.0)\n{}'],
  ['an operation set', program('').replace('ios18', '@ios99')],
  ['an operation', program(`${tensorY} = @einsum(x = x);`)],
])('%s that no device here knows', (_, marked) => {
  const { text, line, column } = atMark(marked);
  expect(compileError(text)).toMatchObject({ code: 'ERR_MIL_UNSUPPORTED', line, column });
});

test('constants in all spellings', () => {
  const statements = [
    'fp16 a = const()[name = string("a"), val = fp16(0x1p-3)];',
    'tensor<fp16, []> b=const()[name=tensor<string, []>("b"),val=tensor<fp16, []>(-1.5e-2)];',
    'tensor<int32, [4]> p = const()[name = string("p"), val = tensor<int32, [4]>([0, 1, 3, 2])];',
    'tensor<fp16, [2, 2]> n = const()[name = string("\\"n\\""), val = tensor<fp16, [2, 2]>([[1, -inf], [+nan, 65504]])];',
    'bool t = const()[val = bool(true)];',
    'tensor<fp16, [1, 8, 1, 4]> u = mul(x = x, y = a)[name = string("u")];',
    'tensor<fp16, [1, 8, 1, 4]> v = add(x = u, y = b);',
    'tensor<fp16, [1, 8, 4, 1]> w = transpose(x = v, perm = p);',
    'tensor<fp16, [8, 4]> y = reshape(x = w, shape = [8, -1]);',
    'tensor<fp16, [4, 4]> z = matmul(x = y, y = y, transpose_x = t, transpose_y = false);',
  ];
  const info = compile(program(statements.join('\n'), undefined, 'y, z, n'));
  expect(info.outputs.map((port) => [port.name, port.dtype, port.shape, port.bytes])).toEqual([
    ['y', 'fp16', [8, 4], 64],
    ['z', 'fp16', [4, 4], 32],
    ['n', 'fp16', [2, 2], 8],
  ]);
  expect(info.inputs).toEqual([{ name: 'x', dtype: 'fp16', shape: [1, 8, 1, 4], bytes: 64 }]);
});
