import { describe, expect, test } from 'vitest';
import {
  decimal,
  decimalOr,
  decimalPair,
  oneOf,
  range,
  text,
  whole,
} from '../../packages/core/src/cli/parse-options.js';

test('reads what is right', () => {
  expect(whole(0)('0', '--n')).toBe(0);
  expect(decimal('3e-4', '--x')).toBe(3e-4);
  expect(decimal('.5', '--x')).toBe(0.5);
  expect(decimalPair('0.9, 0.95', '--betas')).toEqual([0.9, 0.95]);
  expect(range('0:256', '--windows')).toEqual([0, 256]);
  expect(decimalOr('dynamic')('dynamic', '--loss-scale')).toBe('dynamic');
  expect(decimalOr('dynamic')('128', '--loss-scale')).toBe(128);
  expect(oneOf('random', 'sequential')('random', '--order')).toBe('random');
});

describe('says what is wrong', () => {
  const cases: readonly (readonly [() => unknown, string])[] = [
    [() => whole(1)('0', '--n'), 'Expected --n to be a whole number from 1 up, got `0`'],
    [() => whole(0)('-1', '--n'), 'Expected --n to be a whole number from 0 up, got `-1`'],
    [() => whole(0)('1e3', '--n'), 'Expected --n to be a whole number from 0 up, got `1e3`'],
    [() => whole(0)('9007199254740993', '--n'), 'Expected --n to be a whole number from 0 up, got `9007199254740993`'],
    [() => decimal('0x10', '--x'), 'Expected --x to be a number, got `0x10`'],
    [() => decimal('', '--x'), 'Expected --x to be a number, got ``'],
    [() => decimal('1e999', '--x'), 'Expected --x to be a number, got `1e999`'],
    [() => decimalPair('1,2,3', '--b'), 'Expected --b to be two numbers with a comma between, got `1,2,3`'],
    [() => range('5:5', '--w'), 'Expected --w to be a range A:B with A < B, got `5:5`'],
    [() => range('5', '--w'), 'Expected --w to be a range A:B with A < B, got `5`'],
    [() => decimalOr('dynamic')('static', '--s'), 'Expected --s to be a number or dynamic, got `static`'],
    [() => oneOf('a', 'b')('c', '--o'), 'Expected --o to be a or b, got `c`'],
    [() => text('', '--out'), 'Expected --out to be a name or path, got ``'],
  ];
  test.each(cases)('%#', (parse, message) => {
    expect(parse).toThrowError(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message }));
  });
});
