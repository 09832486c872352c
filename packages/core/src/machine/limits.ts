import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { cpus, homedir, release } from 'node:os';
import { dirname, join } from 'node:path';
import type { DeviceLimit } from '@mayfly/native';
import { makeFolder } from '../files/folders.js';

/** What `mayfly doctor --probe-limits`, or a pool at work, found of one device on this machine. */
export interface MachineLimits {
  /** Compilations that a process survived, all unloaded again. */
  readonly compilations: number;
  /** Whether the next one was refused; else the probe ended by itself. */
  readonly compilationsRefused: boolean;
  /** Programs that were loaded at once; null where that was not measured. */
  readonly livePrograms: number | null;
  readonly liveProgramsRefused: boolean;
  /** ISO 8601. */
  readonly measured: string;
}

/** The file, by device; valid for the machine and system release that it was measured on. */
interface Stored {
  readonly machine: string;
  readonly devices: Readonly<Record<string, MachineLimits>>;
  /** In which MIL must be written for the Neural Engine, as a canary found it. */
  readonly dialect?: Dialect;
}

type Dialect = 'ios18' | 'ios16';

/** `mayfly/limits.json` in `XDG_CACHE_HOME`, `~/Library/Caches` or `~/.cache`. */
export function limitsFile(): string {
  const { XDG_CACHE_HOME: given } = process.env;
  const cache = given || join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  return join(cache, 'mayfly', 'limits.json');
}

/** Null where nothing was measured, or on another machine or release. */
export function readMachineLimits(device: string): MachineLimits | null {
  return read()?.devices[device] ?? null;
}

/** Null where no canary was compiled yet, or on another machine or release. */
export const readDialect = (): Dialect | null => read()?.dialect ?? null;

export function writeDialect(dialect: Dialect): void {
  try {
    write({ dialect });
  } catch {
    // A cache: what cannot be kept will be found again.
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

/** A refusal after fewer compilations tells of a service in trouble, not of a limit. */
const CREDIBLE = 16;

/**
 * Keeps what a pool met at work: a process was refused after so many compilations. Gives the file, or null where it is no
 * news, not to be believed, or cannot be written. Slots for programs are not kept: others may have had some of them.
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
    // A cache: what cannot be kept will be met again.
    return null;
  }
}

/** Bytes of the file, which lists a few devices. */
const LARGEST = 2 ** 20;

/** A cache: what it does not hold, or holds damaged, was not measured. */
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

/** Says once a process that the file is ignored. */
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

/** With what stands in for Apple's frameworks, if anything does. */
const machine = (): string =>
  [process.platform, release(), process.arch, cpus()[0]?.model, process.env.MAYFLY_ANE_RUNTIME]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
