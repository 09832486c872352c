import { formatCount } from './format.js';
import type { ShownRun } from './run-store.js';

/** What steps are counted by on the horizontal axis: their number, or the time since the run's first start. */
export type Axis = 'step' | 'time';

/** Numbers of steps, or seconds. */
export const xOf = (columns: ShownRun['steps']['columns'], started: number | null, axis: Axis): Float64Array =>
  axis === 'step' ? columns.step : columns.time.map((time) => (time - (started ?? 0)) / 1000);

const powers = Array.from({ length: 10 }, (_, power) => 10 ** power);

/** Distances of ticks: steps and seconds are whole. */
export const xIncrements: Readonly<Record<Axis, number[]>> = {
  step: powers.flatMap((power) => [power, 2 * power, 5 * power]),
  time: [
    ...[1, 2, 5, 10, 15, 30],
    ...[1, 2, 5, 10, 15, 30].map((minutes) => 60 * minutes),
    ...[1, 2, 4, 6, 12].map((hours) => 3600 * hours),
    ...powers.flatMap((days) => [86_400 * days, 2 * 86_400 * days, 5 * 86_400 * days]),
  ],
};

/** `1,200`, `4:03`. */
export const formatX = (x: number, axis: Axis): string => (axis === 'step' ? formatCount(x) : clock(x));

/** `4:03`, `2:04:03`, of seconds since the start. */
function clock(seconds: number): string {
  const total = Math.round(seconds);
  const two = (part: number) => String(part).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  return hours === 0 ? `${minutes}:${two(total % 60)}` : `${hours}:${two(minutes)}:${two(total % 60)}`;
}
