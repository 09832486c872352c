import type { WorkerLife } from '@mayfly/core/watch';
import { expect, test } from 'vitest';
import { phasesOf, placeLives } from '../../../packages/page/src/lanes.js';

const life = (worker: number, start: number, exit: number | null, parts: Partial<WorkerLife> = {}): WorkerLife => ({
  ...{
    session: 0,
    worker,
    pid: worker,
    start,
    exit,
    ready: null,
    serving: null,
    retire: null,
    reason: null,
    end: null,
  },
  ...{ exitCode: null, signal: null, compilations: null, evaluations: null, budget: null },
  ...parts,
});

test('lives of one lane do not overlap, and lanes are as few as lives at once', () => {
  const lives = Array.from({ length: 400 }, (_, index) => life(index, 50 * index, 50 * index + 120));
  const { placed, lanes } = placeLives(lives, 30_000);
  expect(lanes).toBe(3);
  for (let lane = 0; lane < lanes; lane++) {
    const own = placed.filter((each) => each.lane === lane);
    expect(own.every(({ life }, index) => index === 0 || own[index - 1]!.end < life.start)).toBe(true);
  }
});

test('short lives of a long run share lanes', () => {
  const lives = Array.from({ length: 1000 }, (_, index) => life(index, 10 * index, 10 * index + 8));
  expect(placeLives(lives, 1e9).lanes).toBe(1);
});

test('a death keeps its lane free for its cause, where few died', () => {
  const lives = [life(1, 0, 500, { end: 'died' }), life(2, 501, 600), life(3, 700, 1000)];
  expect(placeLives(lives, 1000).placed.map(({ lane }) => lane)).toEqual([0, 1, 0]);
});

test('a life that has not ended reaches to now', () => {
  expect(placeLives([life(1, 100, null)], 500).placed[0]).toMatchObject({ lane: 0, end: 500 });
});

test('the phases of a life follow each other without gaps', () => {
  const { placed } = placeLives([life(1, 0, 100, { ready: 10, serving: 30, retire: 90 })], 100);
  expect(phasesOf(placed[0]!)).toEqual([
    { phase: 'starting', from: 0, to: 10 },
    { phase: 'standby', from: 10, to: 30 },
    { phase: 'serving', from: 30, to: 90 },
    { phase: 'retiring', from: 90, to: 100 },
  ]);
  const died = placeLives([life(1, 0, 50)], 100).placed[0]!;
  expect(phasesOf(died)).toEqual([{ phase: 'starting', from: 0, to: 50 }]);
});
