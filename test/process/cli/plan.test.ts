import { describe, expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';

const plan = (...more: string[]) => mayfly(['plan', '--model', 'stories15m', '--chip', 'm4', ...more]);

describe('the best step', () => {
  test('has two passes in flight where these make it shortest, on as many workers as do', async () => {
    const { lines } = await plan('--accumulate', '4', '--json');
    const { advice } = JSON.parse(lines[0]!);
    expect(advice.passes).toMatchObject([
      { workers: 1, in_flight: 1 },
      { workers: 1, in_flight: 2 },
      { workers: 2, in_flight: 2 },
    ]);
    const [shortest] = advice.passes.toSorted((a: Times, b: Times) => a.milliseconds - b.milliseconds);
    expect(advice).toMatchObject(shortest);
    const { lines: text } = await plan('--accumulate', '4');
    expect(text.at(-1)).toMatch(/^passes in flight: one .* ms, two .* ms \(--in-flight 2\), two on two workers .* ms/);
  });

  test.each([
    ['with one pass', []],
    ['with passes in flight by request', ['--accumulate', '4', '--in-flight', '2']],
  ])('leaves no choice of them %s', async (_, more) => {
    const { lines } = await plan(...more, '--json');
    const { advice, plans } = JSON.parse(lines[0]!);
    expect(advice).toMatchObject({ passes: null, in_flight: plans[0].in_flight, workers: 1 });
  });
});

interface Times {
  readonly milliseconds: number;
}
