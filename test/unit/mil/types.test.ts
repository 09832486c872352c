import { expect, test } from 'vitest';
import { atMark, compileError, program } from '../../fixtures/mil-compile.js';

const X = 'tensor<fp16, [1, 8, 1, 4]>';
const three = 'tensor<fp16, [3]> c = const()[val = tensor<fp16, [3]>([1, 2, 3])];';

// The mark @ stands where the error is; `x` is fp16 [1, 8, 1, 4].
test.each<[string, string, RegExp]>([
  ['a name that is not defined', `${X} y = relu(x = @z);`, /defined above, got `z`/],
  ['a redefinition', `${X} @x = relu(x = x);`, /new name, got `x`/],
  [
    'another shape than declared',
    'tensor<fp16, [1, 8, 4]> @y = relu(x = x);',
    /declared tensor<fp16, \[1, 8, 1, 4\]>, got/,
  ],
  [
    'another type than declared',
    'tensor<fp32, [1, 8, 1, 4]> @y = relu(x = x);',
    /`y` of relu `y` to be declared .* got tensor<fp32/,
  ],
  ['two results of one', `${X} y, ${X} z = @relu(x = x);`, /relu `y` to declare 1 results, got 2/],
  ['a missing argument', `${X} y = @add(x = x);`, /Expected argument `y` of add `y` to be given, got nothing/],
  ['an unknown argument', `${X} y = relu(x = x, @alpha = x);`, /that relu `y` has, got `alpha`/],
  ['an argument twice', `${X} y = relu(x = x, @x = x);`, /`x` once/],
  ['a tuple for a tensor', `${X} y = relu(@x = (x, x));`, /one tensor, got a tuple of 2/],
  [
    'a computed parameter',
    `${X} y = transpose(x = x, @perm = x);`,
    /`perm` .* to be a constant, got the computed value `x`/,
  ],
  ['a parameter of another type', `${X} y = softmax(x = x, @axis = true);`, /an integer type/],
  ['an axis out of range', `${X} y = softmax(x = x, @axis = 4);`, /from -4 to 3, got 4/],
  ['shapes that do not broadcast', `${three} ${X} y = @add(x = x, y = c);`, /broadcast, got \[1, 8, 1, 4\] and \[3\]/],
  ['operands of two types', `${X} y = @add(x = x, y = int32(1));`, /one element type, got fp16 and int32/],
  ['no permutation', `${X} y = transpose(x = x, @perm = [0, 1, 2, 2]);`, /a permutation of 4 axes/],
  [
    'a reshape of another size',
    'tensor<fp16, [5, 7]> y = reshape(x = x, @shape = [5, 7]);',
    /a shape for .*, got \[5, 7\]/,
  ],
  ['inner dimensions', `${X} y = @matmul(x = x, y = x);`, /equal inner dimensions, got 4 of/],
  ['a slice beyond the end', `${X} y = slice_by_size(x = x, begin = [0, 6, 0, 0], @size = [1, 4, 1, 4]);`, /within/],
  ['an empty slice', `${X} y = slice_by_index(x = x, begin = [0, 3, 0, 0], @end = [1, 3, 1, 4]);`, /after begin/],
  ['parts that do not add up', `${X} y, ${X} z = split(x = x, axis = 1, @split_sizes = [5, 2]);`, /add up to 8/],
  ['concat beyond the axes', `${X} y = concat(values = (x, x), @axis = 9);`, /from -4 to 3/],
  [
    'concat of shapes that do not fit',
    `${three} ${X} y = concat(@values = (x, c), axis = 1);`,
    /fit .* got tensor<fp16, \[3\]>/,
  ],
  ['a list of another length', 'tensor<fp16, [3]> y = const()[val = @tensor<fp16, [3]>([1, 2])];', /3 elements/],
  ['a fraction for an integer', 'int32 y = const()[val = int32(@1.5)];', /value of int32, got `1.5`/],
  ['an integer out of range', 'int32 y = const()[val = int32(@2147483648)];', /value of int32/],
  ['a constant of another type', 'int32 y = const()[val = @fp16(1)];', /tensor<int32, \[\]>, got tensor<fp16, \[\]>/],
  ['a constant without value', 'int32 y = @const()[name = string("y")];', /attribute `val`/],
])('%s', (_, body, message) => {
  const { text, line, column } = atMark(program(body));
  const error = compileError(text);
  expect(error).toMatchObject({ code: 'ERR_MIL_TYPE', line, column });
  expect(error.message).toMatch(message);
});

test('a result that is no tensor', () => {
  const { text, line, column } = atMark(program('string s = const()[val = string("s")];', undefined, '@s'));
  expect(compileError(text)).toMatchObject({ code: 'ERR_MIL_TYPE', line, column });
});

test.each<[string, string, RegExp]>([
  ['groups that do not divide', 'groups = 3', /divisor of 8 input and 4 output channels, got 3/],
  ['a pad type', 'pad_type = "zero"', /"custom", got "zero"/],
  ['strides of another rank', 'strides = [1]', /2 integers, got \[1\]/],
  ['a stride of 0', 'strides = [0, 1]', /from 1 to/],
  ['custom padding without pads', 'pad_type = "custom"', /`pad` of conv `y` to be given/],
  ['dilations wider than the input', 'pad_type = "custom", pad = [0, 0, 0, 0], dilations = [1, 9]', /padded input/],
])('conv: %s', (_, argument, message) => {
  const body = `tensor<fp16, [4, 8, 1, 2]> w = const()[val = tensor<fp16, [4, 8, 1, 2]>([${Array(64).fill(1)}])];
    tensor<fp16, [1, 4, 1, 3]> y = conv(x = x, weight = w, ${argument});`;
  const error = compileError(program(body));
  expect(error).toMatchObject({ code: 'ERR_MIL_TYPE', line: 5 });
  expect(error.message).toMatch(message);
});
