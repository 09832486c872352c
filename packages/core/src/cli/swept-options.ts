import type { YAMLMap } from 'yaml';
import { isRecord } from '../files/read-file.js';
import type { AnyOptionTable } from '../option-table.js';
import { type ConfigFile, configOptions, misplaced } from './config-file.js';

/** An option with all values that a sweep gives it. */
export interface SweptOption {
  readonly name: string;
  readonly values: readonly unknown[];
}

/** One value of each swept option. */
export interface Combination {
  /** `lr=0.001,seed=0`: the name of the run's folder. */
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** A range with more values than this is a slip. */
const MOST_VALUES = 10_000;

/**
 * The options of the mapping `sweep` in a file, with their lists and ranges written out.
 *
 * @throws `ERR_INVALID_ARGUMENT`, which names file, line and key.
 */
export function sweptOptions(file: ConfigFile, swept: unknown, table: AnyOptionTable): SweptOption[] {
  const map = file.mapAt(file.map, 'sweep');
  if (map === undefined || !isRecord(swept) || Object.keys(swept).length === 0) {
    throw misplaced(
      file.path,
      file.lineOf(file.map, 'sweep'),
      'Expected options with several values under `sweep`, got none',
    );
  }
  return Object.entries(swept).map(([name, given]) => {
    const values = (Array.isArray(given) ? given : rangeOf(file, map, name, given)).map(
      (value: unknown) => configOptions({ ...file, map, values: { [name]: value } }, table)[name],
    );
    const texts = values.map(valueText);
    if (values.length > 0 && new Set(texts).size === values.length) return { name, values };
    throw misplaced(
      file.path,
      file.lineOf(map, name),
      `Expected values of ${name} that differ, got ${texts.join(', ') || 'none'}`,
    );
  });
}

/** A value as tables and folders show it: `0.001`, `0-5`, `{rank:4,alpha:8}`. */
export const valueText = (value: unknown): string =>
  isRecord(value) || (Array.isArray(value) && value.some(isRecord))
    ? JSON.stringify(value).replaceAll('"', '')
    : String(value);

/** `lr=0.001`: a part of a folder's name for each value. Values that differ only in signs that such a name leaves out are numbered. */
export function folderNames({ name, values }: SweptOption): string[] {
  const taken = new Map<string, number>();
  return values.map((value) => {
    const own = `${name}=${valueText(value)
      .replaceAll(/[^\w.+-]+/g, '_')
      .replaceAll(/^_|_$/g, '')}`;
    const count = (taken.get(own) ?? 0) + 1;
    taken.set(own, count);
    return count === 1 ? own : `${own}-${count}`;
  });
}

/** From `from` to `to`, both included. */
function rangeOf(file: ConfigFile, map: YAMLMap, name: string, given: unknown): number[] {
  const { from, to, step = 1, count, scale = 'linear', ...others } = isRecord(given) ? given : { others: given };
  const [first, last, by] = [Number(from), Number(to), Number(step)];
  const length = count === undefined ? Math.floor((last - first) / by + 1e-9) + 1 : Number(count);
  const isLog = scale === 'log' && count !== undefined && first > 0 && last > 0;
  const isRange =
    Object.keys(others).length === 0 && (isLog || scale === 'linear') && by > 0 && length >= 1 && length <= MOST_VALUES;
  if (!isRange) {
    const expected = 'a list, or a range { from, to, step } or { from, to, count, scale: log }';
    throw misplaced(
      file.path,
      file.lineOf(map, name),
      `Expected ${name} to be ${expected}, got ${JSON.stringify(given)}`,
    );
  }
  return Array.from({ length }, (_, index) => {
    const share = length === 1 ? 0 : index / (length - 1);
    // Digits beyond the twelfth would only show how the range was computed.
    const value = isLog
      ? first * (last / first) ** share
      : count === undefined
        ? first + by * index
        : first + (last - first) * share;
    return Number(value.toPrecision(12));
  });
}
