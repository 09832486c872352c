import { StopText } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

/** The text that is passed on, piece by piece and at the end. */
function passed(stops: readonly string[], pieces: readonly string[]): string[] {
  const until = new StopText(stops);
  const out: string[] = [];
  for (const piece of pieces) {
    out.push(until.write(piece));
    if (until.ended) return out;
  }
  return [...out, until.end()];
}

test('text without stops passes at once', () => {
  expect(passed([], ['ab', 'c'])).toEqual(['ab', 'c', '']);
});

test('the beginning of a stop is held back until it is none', () => {
  expect(passed(['\n\nUser:'], ['Hi\n', '\nUs', 'ed.'])).toEqual(['Hi', '', '\n\nUsed.', '']);
  expect(passed(['aab'], ['a', 'a', 'a', 'c'])).toEqual(['', '', 'a', 'aac', '']);
  expect(passed(['xy'], ['ax'])).toEqual(['a', 'x']);
});

test('the text ends before the first of several stops', () => {
  expect(passed(['END', 'ST'], ['some S', 'T END'])).toEqual(['some ', '']);
  expect(passed(['END', 'ND'], ['xEND'])).toEqual(['x']);
  expect(passed(['b'], ['abc'])).toEqual(['a']);
});
