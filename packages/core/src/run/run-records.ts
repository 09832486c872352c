import { isMayflyError } from '@mayfly/native';

/** An event of a run: one line of `log.jsonl` and of `--json`. */
export interface RunRecord {
  readonly event: string;
  readonly [field: string]: unknown;
  /** ISO 8601, from the machine's clock. */
  readonly time: string;
  /** Milliseconds since the start of the process, from a monotonic clock. */
  readonly monotonicMs: number;
}

export function runRecord(event: string, fields: object): RunRecord {
  return { event, ...fields, time: new Date().toISOString(), monotonicMs: performance.now() };
}

/** A record as its line has it, which the log and several observers want: made once for all of them. */
interface FileForm {
  readonly fields: Readonly<Record<string, unknown>>;
  line: string | null;
}

const forms = new WeakMap<RunRecord, FileForm>();

function formOf(record: RunRecord): FileForm {
  const known = forms.get(record);
  if (known !== undefined) return known;
  const made = { fields: withSnakeCaseKeys(record) as FileForm['fields'], line: null };
  forms.set(record, made);
  return made;
}

/** The fields of a record's line: what reading the line would give. */
export const recordFields = (record: RunRecord): Readonly<Record<string, unknown>> => formOf(record).fields;

/** A record's line, as by `toJsonLine`. */
export function recordLine(record: RunRecord): string {
  const form = formOf(record);
  form.line ??= escapedJson(form.fields);
  return form.line;
}

/**
 * One line of JSON: keys in snake_case, times rounded to microseconds, null for numbers that are not finite. Control characters that
 * JSON does not escape (C1, bidirectional marks) are escaped.
 */
export const toJsonLine = (value: object): string => escapedJson(withSnakeCaseKeys(value));

function escapedJson(value: unknown): string {
  const json = JSON.stringify(value);
  // Most lines are printable ASCII; the class of control characters is large.
  if (!/[^ -~]/.test(json)) return json;
  return json.replace(/\p{C}/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => unicodeEscape(character.charCodeAt(at))).join(''),
  );
}

const unicodeEscape = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

function withSnakeCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeCaseKeys);
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return { code: isMayflyError(value) ? value.code : null, message: value.message };
  const entries = Object.entries(value).map(([key, field]) => [snakeCase(key), rounded(key, withSnakeCaseKeys(field))]);
  return Object.fromEntries(entries);
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Rounds times to microseconds: digits beyond the precision of the clock would fill half of a log. */
const rounded = (key: string, value: unknown): unknown =>
  typeof value === 'number' && /^ms$|[MU]s$|PerSecond$/.test(key) ? Math.round(1000 * value) / 1000 : value;
