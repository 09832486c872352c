import { runInNewContext } from 'node:vm';
import {
  bag,
  bagOf,
  flag,
  limit,
  milliseconds,
  mostSimilar,
  number,
  numberOr,
  oneOf,
  pair,
  type Rule,
  range,
  text,
  whole,
} from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

const lossScale = numberOr('dynamic', 'above 0', (value) => value > 0);
const beta = pair('from 0 to below 1', (value) => value >= 0 && value < 1);
const anyNumber = number('of any size', () => true);
const refused = (message: string | RegExp) => expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message });

test('reads texts', () => {
  expect(whole(0).read('--n', '0')).toBe(0);
  expect(whole(1).read('--steps', '1e3')).toBe(1000);
  expect(anyNumber.read('--x', '3e-4')).toBe(3e-4);
  expect(anyNumber.read('--x', '.5')).toBe(0.5);
  expect(beta.read('--betas', '0.9, 0.95')).toEqual([0.9, 0.95]);
  expect(range.read('--windows', '0:256')).toEqual([0, 256]);
  expect(lossScale.read('--loss-scale', 'dynamic')).toBe('dynamic');
  expect(lossScale.read('--loss-scale', '128')).toBe(128);
  expect(limit(1).read('--n', 'Infinity')).toBe(Number.POSITIVE_INFINITY);
  expect(oneOf('random', 'sequential').read('--order', 'random')).toBe('random');
  expect(flag.read('x', 'false')).toBe(false);
  expect(bagOf({ a: whole(0) }).read('x', '{"a":1}')).toEqual({ a: 1 });
});

describe('says which text is wrong', () => {
  const cases: readonly (readonly [Rule<unknown>, string, string])[] = [
    [whole(1), '0', 'a whole number from 1 up'],
    [whole(0), '-1', 'a whole number from 0 up'],
    [whole(0), '1.5', 'a whole number from 0 up'],
    [whole(0), '', 'a whole number from 0 up'],
    [whole(0), '0x10', 'a whole number from 0 up'],
    [whole(0), '9007199254740993', 'a whole number from 0 up'],
    [whole(0, 10), '11', 'a whole number from 0 to 10'],
    [anyNumber, '0x10', 'a number of any size'],
    [anyNumber, '1e999', 'a number of any size'],
    [beta, '0.9,0.95,1', 'two numbers from 0 to below 1'],
    [beta, '0.9,1', 'two numbers from 0 to below 1'],
    [range, '5:5', 'a range A:B with 0 ≤ A < B'],
    [range, '5', 'a range A:B with 0 ≤ A < B'],
    [lossScale, 'static', 'a number above 0, or dynamic'],
    [oneOf('a', 'b'), 'c', 'a or b'],
    [text, '', 'a name or path'],
    [bagOf({}), '{', 'an object of options in JSON'],
  ];
  test.each(cases)('%#', (rule, given, expected) => {
    expect(() => rule.read('--x', given)).toThrow(refused(`Expected --x to be ${expected}, got \`${given}\``));
  });
});

describe('says which value is wrong', () => {
  const cases: readonly (readonly [Rule<unknown>, unknown, string])[] = [
    [whole(1), '4', 'a whole number from 1 up, got `4`'],
    [whole(1), Number.NaN, 'a whole number from 1 up, got NaN'],
    [whole(1), 2n, 'a whole number from 1 up, got 2n'],
    [whole(1), Symbol('x'), 'a whole number from 1 up, got Symbol(x)'],
    [whole(1), Object.create(null), 'a whole number from 1 up, got [Object: null prototype] {}'],
    [milliseconds(1), 2 ** 31, 'milliseconds from 1 to 2147483647, got 2147483648'],
    [milliseconds(1), Number.POSITIVE_INFINITY, 'milliseconds from 1 to 2147483647, got Infinity'],
    [milliseconds(1, { orNever: true }), 0, 'milliseconds from 1 to 2147483647, or Infinity, got 0'],
    [text, 'a\0b', 'a name or path without NUL characters, got `a\0b`'],
    [text, 'x'.repeat(1e6), 'never'],
  ];
  test.each(cases.slice(0, -1))('%#', (rule, given, rest) => {
    expect(() => rule.check('x', given)).toThrow(refused(`Expected x to be ${rest}`));
  });

  test('in a message of bounded length', () => {
    const long = 'x'.repeat(1e6);
    expect(() => whole(1).check('x', long)).toThrow(refused(expect.stringMatching(/^.{1,300}$/)));
    expect(() => whole(1).check('x', Array(1e6).fill(long))).toThrow(refused(expect.stringMatching(/^.{1,900}$/s)));
  });
});

describe('a bag of options', () => {
  const rules = { workers: whole(1), budget: bagOf({ evaluations: limit(1) }) };
  const check = (given: unknown) => bag('createPool', rules, given);

  test('is read into a plain object, without what is undefined', () => {
    expect(check(undefined)).toEqual({});
    expect(check({ workers: 2, budget: undefined })).toStrictEqual({ workers: 2 });
    expect(check(Object.assign(Object.create(null), { workers: 2 }))).toStrictEqual({ workers: 2 });
    expect(check(runInNewContext('({ workers: 2 })'))).toStrictEqual({ workers: 2 });
  });

  test('reads each option once', () => {
    let times = 0;
    const options = {
      get workers() {
        return ++times;
      },
    };
    expect([check(options), times]).toEqual([{ workers: 1 }, 1]);
  });

  test.each([
    [{ worker: 3 }, 'Expected a known option of createPool, got `worker` (Did you mean workers?)'],
    [{ wrokers: 3 }, 'Expected a known option of createPool, got `wrokers` (Did you mean workers?)'],
    [{ zebra: 3 }, 'Expected a known option of createPool, got `zebra`'],
    [{ budget: { evaluation: 1 } }, 'Expected a known option of budget, got `evaluation` (Did you mean evaluations?)'],
    [{ budget: { evaluations: 0 } }, 'Expected budget.evaluations to be a number from 1 up, got 0'],
    [{ budget: null }, 'Expected the options of budget to be a plain object, got null'],
    [JSON.parse('{"__proto__": {"workers": 2}}'), 'Expected a known option of createPool, got `__proto__`'],
    [{ toString: 1 }, 'Expected a known option of createPool, got `toString`'],
    [{ [Symbol('workers')]: 1 }, /^Expected a known option of createPool, got `Symbol\(workers\)`/],
    [{ '\u001b[2J': 1 }, 'Expected a known option of createPool, got `\\x1B[2J`'],
    [{ ['k'.repeat(1e6)]: 1 }, /^.{1,300}$/],
    [null, 'Expected the options of createPool to be a plain object, got null'],
    [[], 'Expected the options of createPool to be a plain object, got []'],
    [2, 'Expected the options of createPool to be a plain object, got 2'],
    [() => {}, 'Expected the options of createPool to be a plain object, got [Function (anonymous)]'],
    [new Map(), 'Expected the options of createPool to be a plain object, got Map(0) {}'],
    [Object.create({ workers: 2 }), 'Expected the options of createPool to be a plain object, got {}'],
  ])('is refused: %#', (given, message) => {
    const expected = message instanceof RegExp ? expect.stringMatching(message) : message;
    expect(() => check(given)).toThrow(refused(expected));
  });

  test('whose getters or traps throw is refused with their errors as the cause', () => {
    const boom = () => {
      throw new Error('boom');
    };
    const bags = [
      Object.defineProperty({}, 'workers', { get: boom, enumerable: true }),
      new Proxy({}, { ownKeys: boom }),
      new Proxy({}, { getPrototypeOf: boom }),
    ];
    for (const given of bags) {
      expect(() => check(given)).toThrow(
        expect.objectContaining({
          ...{ code: 'ERR_INVALID_ARGUMENT', cause: new Error('boom') },
          message: 'Expected the options of createPool to be readable, got an exception: boom',
        }),
      );
    }
  });
});

test('suggests what is near, and nothing else', () => {
  const known = ['minLr', 'lr', 'steps', 'batch', 'budget'];
  expect(mostSimilar('minLR', known)).toBe('minLr');
  expect(mostSimilar('step', known)).toBe('steps');
  expect(mostSimilar('bugdet', known)).toBe('budget');
  expect(mostSimilar('dataset', known)).toBeNull();
});
