import type { DeviceLimit } from '@mayfly/native';
import { isRecord } from '../files/read-file.js';
import { MachineAnswers } from './answers.js';

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

type Dialect = 'ios18' | 'ios16';

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const isLimits = (value: unknown): boolean =>
  isRecord(value) &&
  isCount(value.compilations) &&
  (value.livePrograms === null || isCount(value.livePrograms)) &&
  typeof value.compilationsRefused === 'boolean' &&
  typeof value.liveProgramsRefused === 'boolean' &&
  typeof value.measured === 'string';

/** By device. */
const limits = new MachineAnswers<MachineLimits>('limits', isLimits);
/** The dialect of MIL that a device takes, as found by a canary. */
const dialects = new MachineAnswers<Dialect>('dialect', (value) => value === 'ios18' || value === 'ios16');

/** The file that holds the limits of a device. */
export const limitsFile = (device: string): string => limits.file(device);

/** Null if nothing was measured on this machine and release. */
export const readMachineLimits = (device: string): MachineLimits | null => limits.read(device);

/** Null if no canary was compiled on this machine and release. */
export const readDialect = (): Dialect | null => dialects.read('ane');

export const writeDialect = (dialect: Dialect): string | null => dialects.tryWrite('ane', dialect);

export const writeMachineLimits = (device: string, measured: MachineLimits): string => limits.write(device, measured);

export const forgetMachineLimits = (device: string): void => limits.forget(device);

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
  return limits.tryWrite(device, {
    ...{ compilations, compilationsRefused: true },
    ...{ livePrograms, liveProgramsRefused, measured },
  });
}
