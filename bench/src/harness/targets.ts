import { processPools } from '../contenders/index.js';
import type { Compared } from './compare.js';
import type { Placement } from './placement.js';
import { type Target, target } from './report.js';

/** The quickest process pool of a run, or undefined where none could be measured. */
export function bestProcessPool(compared: Compared, placement: Placement): { name: string; p50: number } | undefined {
  return processPools
    .map(({ name }) => ({ name, p50: compared.sample(name, placement)?.p50 ?? Number.POSITIVE_INFINITY }))
    .filter(({ p50 }) => Number.isFinite(p50))
    .sort((a, b) => a.p50 - b.p50)[0];
}

/** A target on `value / base`; none where the base could not be measured. */
export const ratio = (
  text: string,
  value: number | undefined,
  base: number | undefined,
  relation: '<=' | '>=',
  limit: number,
): Target[] => (value === undefined || base === undefined ? [] : [target(text, value / base, relation, limit)]);

/** A target on `value - base`. */
export const difference = (
  text: string,
  value: number | undefined,
  base: number | undefined,
  limit: number,
): Target[] => (value === undefined || base === undefined ? [] : [target(text, value - base, '<=', limit)]);
