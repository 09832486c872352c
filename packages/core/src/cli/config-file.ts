import { resolve } from 'node:path';
import { isMayflyError, MayflyError } from '@mayfly/native';
import type { Document, YAMLMap } from 'yaml';
import { bag } from '../check.js';
import { isRecord, readFile } from '../files/read-file.js';
import { type AnyOptionTable, rulesOf } from '../option-table.js';

/** Options of a run that do not belong to a repetition: its folder, and what selects or changes an existing run. */
const ofOneRun: ReadonlySet<string> = new Set([
  'out',
  'autoResume',
  'overwrite',
  'allowChangedData',
  'allowChangedPrecision',
]);

/** A file of options, read but not checked. */
export interface ConfigFile {
  readonly path: string;
  /** The mapping that names the options. */
  readonly map: YAMLMap;
  /** Its values, by key. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The line of a key in a mapping of the file, from 1. */
  readonly lineOf: (map: YAMLMap, key: string) => number;
  /** The mapping at a key of another; undefined where there is none. */
  readonly mapAt: (map: YAMLMap, key: string) => YAMLMap | undefined;
}

/**
 * Reads a YAML file of options: a mapping from the names that the library has (`minLr`), or the `run.yaml` of a run, whose options are those
 * that were given to it or were defaults. In a file that the user wrote, paths are relative to the working directory.
 *
 * @throws `ERR_INVALID_ARGUMENT`, which names file, line and key.
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const { isMap, isScalar, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(readFile(path, 'a file of options').toString(), { lineCounter: lines });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const [line = ''] = problem.message.split('\n');
    throw misplaced(path, lines.linePos(problem.pos[0]).line, `Expected YAML, got ${line}`);
  }
  const lineOf = (map: YAMLMap, key: string): number => {
    const pair = map.items.find((each) => isScalar(each.key) && String(each.key.value) === key);
    const start = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
    return start === undefined ? 1 : lines.linePos(start).line;
  };
  const mapAt = (map: YAMLMap, key: string): YAMLMap | undefined => {
    const value = map.get(key, true);
    return isMap(value) ? value : undefined;
  };
  const { contents } = document;
  if (!isMap(contents)) throw misplaced(path, 1, 'Expected a mapping of options, got something else');
  const whole = valuesOf(contents, document);
  const own = mapAt(contents, 'options');
  if (!('format' in whole) || own === undefined) return { path, map: contents, values: whole, lineOf, mapAt };
  if (whole.layers !== undefined) {
    const line = lineOf(contents, 'layers');
    throw misplaced(path, line, "Expected a run of the decoder's own layers, got one with layers of defineLayer");
  }
  return { path, map: own, values: repeated(path, whole, valuesOf(own, document)), lineOf, mapAt };
}

/** The options in a file. */
export function configOptions(file: ConfigFile, table: AnyOptionTable): Record<string, unknown> {
  return checkedOptions(file, file.map, file.values, table, '');
}

/** Options that were given twice: those of `over` win, in nested options one by one. */
export function mergeOptions<Options extends object>(table: AnyOptionTable, base: object, over: Options): Options {
  const merged = { ...base, ...over } as Record<string, unknown>;
  for (const [name, { members }] of Object.entries(table)) {
    const [below, above] = [(base as Record<string, unknown>)[name], (over as Record<string, unknown>)[name]];
    if (members !== undefined && isRecord(below) && isRecord(above)) merged[name] = mergeOptions(members, below, above);
  }
  return merged as Options;
}

/** The options of a run's own file with which it is repeated: without derived ones, with the absolute paths of its inputs. */
function repeated(path: string, { derived, inputs }: Record<string, unknown>, options: Record<string, unknown>) {
  const names = new Set(Array.isArray(derived) ? derived : []);
  const kept = Object.entries(options).filter(([name]) => !names.has(name) && !ofOneRun.has(name));
  const values = Object.fromEntries(kept);
  // A run that was stopped and continued is repeated from its beginning.
  if (typeof values.resume === 'string' && resolve(values.resume) === resolve(path, '..')) delete values.resume;
  for (const [name, input] of Object.entries(isRecord(inputs) ? inputs : {})) {
    if (typeof values[name] === 'string' && isRecord(input)) values[name] = input.source;
  }
  return values;
}

/** Checks each option by itself, so that an error has its line. */
function checkedOptions(
  file: ConfigFile,
  map: YAMLMap,
  values: Readonly<Record<string, unknown>>,
  table: AnyOptionTable,
  prefix: string,
): Record<string, unknown> {
  const entries = Object.entries(values).map(([key, value]) => {
    const inner = file.mapAt(map, key);
    const { members, rule } = table[key] ?? {};
    if (members !== undefined && inner !== undefined && isRecord(value)) {
      return [key, checkedOptions(file, inner, value, members, `${prefix}${key}.`)] as const;
    }
    try {
      // As on the command line, a text may stand for a list or a number.
      if (rule !== undefined && typeof value === 'string') return [key, rule.read(`${prefix}${key}`, value)] as const;
      const checked: Record<string, unknown> = bag('this file', rulesOf(table), { [key]: value }, prefix);
      return [key, checked[key]] as const;
    } catch (error) {
      if (!isMayflyError(error)) throw error;
      throw misplaced(file.path, file.lineOf(map, key), error.message);
    }
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

const valuesOf = (map: YAMLMap, document: Document): Record<string, unknown> =>
  map.toJS(document, { maxAliasCount: 100 }) as Record<string, unknown>;

/** An error at a line of a file. */
export const misplaced = (path: string, line: number, message: string): MayflyError =>
  new MayflyError('ERR_INVALID_ARGUMENT', `${path}:${line}: ${message}`);
