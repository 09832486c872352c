import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getSystemErrorMap } from 'node:util';
import { MayflyError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import type { ChipProfile } from './chip-profile.js';
import { object, unexpected } from './fault-plan.js';
import { parseProfile } from './parse-profile.js';

/** One JSON file per chip. */
const folder = new URL('chips/', packageRoot);

/** Chips that come with Mayfly, in order of name. */
export const chipNames = (): readonly string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'))
    .sort();

/**
 * A chip's profile: by name, or from a JSON file of the user's (`FILE.json`), which may extend a chip by name.
 * Errors: `ERR_CHIP_UNKNOWN`, `ERR_FILE`, `ERR_CHIP_PROFILE`.
 */
export function loadProfile(chip: string): ChipProfile {
  if (chip.endsWith('.json')) return read(chip, chip, []);
  if (chipNames().includes(chip)) return read(fileURLToPath(new URL(`${chip}.json`, folder)), chip, []);
  throw new MayflyError(
    'ERR_CHIP_UNKNOWN',
    `Expected a chip among ${chipNames().join(', ')}, or a profile FILE.json, got \`${chip}\``,
  );
}

function read(file: string, where: string, descendants: readonly string[]): ChipProfile {
  const given = object(parse(file, where), where);
  if (given.extends === undefined) return parseProfile(given, where);
  const base = chipNames().find((name) => name === given.extends);
  if (base === undefined || descendants.includes(base)) {
    throw unexpected(`${where}.extends`, `a chip among ${chipNames().join(', ')}`, given.extends);
  }
  const path = fileURLToPath(new URL(`${base}.json`, folder));
  return parseProfile(given, where, read(path, base, [...descendants, base]));
}

/** Bytes of a profile: those that come with Mayfly have some 10,000. */
const LARGEST = 2 ** 20;

const unreadable = (file: string, reason: string, code = 'ERR_FILE', cause?: unknown): MayflyError =>
  new MayflyError(code, `Cannot read a chip profile at ${file}: ${reason}`, { cause });

function parse(file: string, where: string): unknown {
  let text: string;
  try {
    const stats = statSync(file);
    if (!stats.isFile()) throw unreadable(file, 'it is not a regular file');
    if (stats.size > LARGEST) throw unreadable(file, `it has ${stats.size} bytes, the limit is ${LARGEST}`);
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof MayflyError) throw cause;
    const { code, errno = 0 } = cause as NodeJS.ErrnoException;
    const [, reason = String(cause)] = getSystemErrorMap().get(errno) ?? [];
    throw unreadable(file, reason, code === 'ENOENT' ? 'ERR_FILE_NOT_FOUND' : 'ERR_FILE', cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unexpected(where, 'JSON', cause instanceof Error ? cause.message : cause);
  }
}
