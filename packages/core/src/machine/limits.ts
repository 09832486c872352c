import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { cpus, homedir, release } from 'node:os';
import { dirname, join } from 'node:path';
import type { DeviceLimit } from '@mayfly/native';
import { makeFolder } from '../files/folders.js';

/** Limits of one device on this machine, as measured by `mayfly doctor --probe-limits` or met by a pool. */
export interface MachineLimits {
  /** Successful compilations in one process, each unloaded again. */
  readonly compilations: number;
  /** Whether the next compilation was refused. False: the probe ended before that. */
  readonly compilationsRefused: boolean;
  /** Programs loaded at once; null if not measured. */
  readonly livePrograms: number | null;
  readonly liveProgramsRefused: boolean;
  /** ISO 8601. */
  readonly measured: string;
}

/** The content of the file. It is valid only for the machine and system release on which it was measured. */
interface Stored {
  readonly machine: string;
  readonly devices: Readonly<Record<string, MachineLimits>>;
  /** The dialect of MIL that the Neural Engine takes, as found by a canary. */
  readonly dialect?: Dialect;
}

type Dialect = 'ios18' | 'ios16';

/** `mayfly/limits.json` in `XDG_CACHE_HOME`, `~/Library/Caches` or `~/.cache`. */
export function limitsFile(): string {
  const { XDG_CACHE_HOME: given } = process.env;
  const cache = given || join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  return join(cache, 'mayfly', 'limits.json');
}

/** Null if nothing was measured on this machine and release. */
export function readMachineLimits(device: string): MachineLimits | null {
  return read()?.devices[device] ?? null;
}

/** Null if no canary was compiled on this machine and release. */
export const readDialect = (): Dialect | null => read()?.dialect ?? null;

export function writeDialect(dialect: Dialect): void {
  try {
    write({ dialect });
  } catch {
    // The file is a cache: the dialect will be found again.
  }
}

export function writeMachineLimits(device: string, limits: MachineLimits): string {
  return write({ devices: { ...read()?.devices, [device]: limits } });
}

function write(news: Partial<Stored>): string {
  const file = limitsFile();
  const stored: Stored = { devices: {}, ...read(), ...news, machine: machine() };
  makeFolder(dirname(file));
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(stored, null, 2)}\n`);
  renameSync(temporary, file);
  return file;
}

/** A refusal after fewer compilations is a failing service, not a limit. */
const CREDIBLE = 16;

/**
 * Stores that a device refused a process after `compilations` compilations.
 *
 * @returns The file; null if the limit is known already, not credible, or the file cannot be written. Refusals for lack of program
 * slots are not stored, since other processes may have held some of the slots.
 */
export function noteRefusal(device: string, limit: DeviceLimit, compilations: number): string | null {
  if (limit === 'livePrograms') return null;
  const known = readMachineLimits(device);
  if (compilations < CREDIBLE || (known?.compilationsRefused && known.compilations <= compilations)) return null;
  const { livePrograms, liveProgramsRefused } = known ?? { livePrograms: null, liveProgramsRefused: false };
  const measured = new Date().toISOString();
  try {
    return writeMachineLimits(device, {
      ...{ compilations, compilationsRefused: true },
      ...{ livePrograms, liveProgramsRefused, measured },
    });
  } catch {
    // The file is a cache: the limit will be met again.
    return null;
  }
}

/** Limit for the size of the file, which lists a few devices. */
const LARGEST = 2 ** 20;

/** Null if the file does not exist, is damaged, or is of another machine. */
function read(): Stored | null {
  const file = limitsFile();
  try {
    const stats = statSync(file);
    if (!stats.isFile()) throw new Error('it is no regular file');
    if (stats.size > LARGEST) throw new Error(`it has ${stats.size} bytes`);
    const stored: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isObject(stored) || typeof stored.machine !== 'string') throw new Error('it names no machine');
    if (stored.machine !== machine()) return null;
    const { devices, dialect } = stored;
    if (!isObject(devices)) throw new Error('its `devices` is no object');
    for (const [device, limits] of Object.entries(devices)) {
      if (!isLimits(limits)) throw new Error(`its limits of device ${device} are damaged`);
    }
    if (dialect !== undefined && dialect !== 'ios18' && dialect !== 'ios16')
      throw new Error('its `dialect` is unknown');
    return stored as unknown as Stored;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warn(file, (error as Error).message);
    return null;
  }
}

let warned = false;

/** Warns, once in a process, that the file is ignored. */
function warn(file: string, why: string): void {
  if (warned) return;
  warned = true;
  process.emitWarning(`${file}, which keeps measured limits of this machine, is ignored: ${why}`, {
    type: 'MayflyWarning',
    code: 'MAYFLY_LIMITS',
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const isLimits = (value: unknown): boolean =>
  isObject(value) &&
  isCount(value.compilations) &&
  (value.livePrograms === null || isCount(value.livePrograms)) &&
  typeof value.compilationsRefused === 'boolean' &&
  typeof value.liveProgramsRefused === 'boolean' &&
  typeof value.measured === 'string';

/** Identifies machine and system release, and the stand-in for Apple's frameworks, if there is one. */
const machine = (): string =>
  [process.platform, release(), process.arch, cpus()[0]?.model, process.env.MAYFLY_ANE_RUNTIME]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
