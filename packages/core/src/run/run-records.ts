import { isMayflyError } from '@mayfly/native';

/** What happened in a run, when: one line of `log.jsonl` and of `--json`. */
export interface RunRecord {
  readonly event: string;
  readonly [field: string]: unknown;
  /** ISO 8601, by the machine's clock. */
  readonly time: string;
  /** Milliseconds since the process began, by a clock that nobody sets. */
  readonly monotonicMs: number;
}

export function runRecord(event: string, fields: object): RunRecord {
  return { event, ...fields, time: new Date().toISOString(), monotonicMs: performance.now() };
}

/**
 * One line of JSON, keys in snake_case; times to the microsecond. What is no finite number is null, as JSON has it. What could
 * steer a terminal and JSON leaves as it is (C1, bidirectional marks) is escaped.
 */
export function toJsonLine(value: object): string {
  return JSON.stringify(withSnakeCaseKeys(value)).replace(/\p{C}/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => unicodeEscape(character.charCodeAt(at))).join(''),
  );
}

const unicodeEscape = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

function withSnakeCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeCaseKeys);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return { code: isMayflyError(value) ? value.code : null, message: value.message };
  const entries = Object.entries(value).map(([key, field]) => [snakeCase(key), rounded(key, withSnakeCaseKeys(field))]);
  return Object.fromEntries(entries);
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Digits beyond what a clock knows would be half of a log. */
const rounded = (key: string, value: unknown): unknown =>
  typeof value === 'number' && /^ms$|Ms$|PerSecond$/.test(key) ? Math.round(1000 * value) / 1000 : value;
