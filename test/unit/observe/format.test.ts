import {
  formatBytes,
  formatDuration,
  formatSmall,
  plural,
  printable,
  sparkline,
  toJsonLine,
} from '@mayfly/core/testing';
import { expect, test } from 'vitest';

test('durations', () => {
  const told = [0.25, 850, 12_340, 59_999, 60_000, 200_000, 7_500_000].map(formatDuration);
  expect(told).toEqual(['0.25 ms', '850 ms', '12.3 s', '60.0 s', '1 min 00 s', '3 min 20 s', '2 h 05 min']);
});

test('numbers with units', () => {
  expect([0, 999, 434_100_000, 2.5e12].map(formatBytes)).toEqual(['0 byte', '999 byte', '434 MB', '2.5 TB']);
  expect([formatSmall(0), formatSmall(3e-4)]).toEqual(['0', '3.00e-4']);
  expect([plural(1, 'worker'), plural(1200, 'worker')]).toEqual(['1 worker', '1,200 workers']);
});

test('a curve in one line', () => {
  expect(sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8)).toBe('█▇▆▅▄▃▂▁');
  expect(sparkline([2, 2, 1, 1], 2)).toBe('█▁');
  expect(sparkline([1, Number.NaN, 2], 3)).toBe('▁?█');
  expect(sparkline([], 5)).toBe('');
});

test('control characters do not reach a terminal', () => {
  expect(printable('a\u001B[31mb\n\tc\u0000\u009B')).toBe('a·[31mb\n\tc··');
});

test('JSON lines have snake_case keys, and null for what is no number', () => {
  const line = toJsonLine({ event: 'x', gradNorm: Number.NaN, paramsSha256: 'ff', workers: [{ ageMs: 1 }] });
  expect(line).toBe('{"event":"x","grad_norm":null,"params_sha256":"ff","workers":[{"age_ms":1}]}');
});
