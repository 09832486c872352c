import { type ChipProfile, figureNames } from './chip-profile.js';
import { noFaults, object, onlyKeys, parseFaultPlan, unexpected } from './fault-plan.js';
import type { Figure, Grade } from './figure.js';

type Group = keyof typeof figureNames;

/** Optional keys of a profile. */
const optional: ReadonlySet<string> = new Set([
  'compilationsPerSecond',
  'zeroFrom',
  'sliceLimit',
  'sigmoidPoints',
  'productFloor',
]);

const grades: readonly Grade[] = ['A', 'B', 'C'];

/**
 * Checks a chip profile as its JSON file gives it. What it leaves out comes from `base`, marked so; without one, everything
 * is required. Errors: `ERR_CHIP_PROFILE`, naming the entry.
 */
export function parseProfile(given: unknown, where: string, base: ChipProfile | null = null): ChipProfile {
  const profile = object(given, where);
  const groups = Object.keys(figureNames) as Group[];
  onlyKeys(profile, ['$schema', 'extends', 'name', 'title', 'generation', 'engines', ...groups, 'faults'], where);
  const figures = Object.fromEntries(groups.map((group) => [group, figuresOf(profile[group], group, where, base)]));
  return {
    name: text(profile.name, `${where}.name`, undefined),
    title: text(profile.title, `${where}.title`, base?.title),
    generation: text(profile.generation, `${where}.generation`, base?.generation),
    engines: engines(profile.engines ?? base?.engines, where),
    faults:
      profile.faults === undefined ? (base?.faults ?? noFaults) : parseFaultPlan(profile.faults, `${where}.faults`),
    ...(figures as unknown as Pick<ChipProfile, Group>),
  };
}

function figuresOf(given: unknown, group: Group, where: string, base: ChipProfile | null): Record<string, Figure> {
  const own = given === undefined ? {} : object(given, `${where}.${group}`);
  const names: readonly string[] = figureNames[group];
  onlyKeys(own, names, `${where}.${group}`);
  const inherited = base?.[group] as Readonly<Record<string, Figure>> | undefined;
  return Object.fromEntries(
    names.flatMap((name) => {
      const place = `${where}.${group}.${name}`;
      if (own[name] !== undefined) return [[name, figure(own[name], place)]];
      const taken = inherited?.[name];
      if (taken === undefined && optional.has(name)) return [];
      if (taken === undefined || base === null) throw unexpected(place, 'a figure {value, source, grade}', 'nothing');
      const note = taken.note === undefined ? `taken from ${base.name}` : `taken from ${base.name}: ${taken.note}`;
      return [[name, { ...taken, grade: 'C' as const, note }]];
    }),
  );
}

function figure(given: unknown, where: string): Figure {
  const entry = object(given, where);
  onlyKeys(entry, ['value', 'source', 'grade', 'note'], where);
  const { value, grade } = entry;
  if (!(typeof value === 'number' && value > 0)) throw unexpected(`${where}.value`, 'a number above 0', value);
  const known = grades.find((each) => each === grade);
  if (known === undefined) throw unexpected(`${where}.grade`, grades.join(', '), grade);
  const source = text(entry.source, `${where}.source`, undefined);
  return {
    value,
    source,
    grade: known,
    ...(entry.note === undefined ? {} : { note: text(entry.note, where, undefined) }),
  };
}

function text(given: unknown, where: string, fallback: string | undefined): string {
  const value = given ?? fallback;
  if (typeof value === 'string' && value !== '') return value;
  throw unexpected(where, 'a text', given);
}

function engines(given: unknown, where: string): number {
  if (given === 1 || given === 2) return given;
  throw unexpected(`${where}.engines`, '1 or 2', given);
}
