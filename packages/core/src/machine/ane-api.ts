import { type AneApi, invalidArgument } from '@mayfly/native';
import { type MachineLimits, readMachineLimits } from './limits.js';

/** Both, the default first. */
export const aneApis: readonly AneApi[] = ['in-memory', 'client'];

/** The environment variable that chooses one, for the addon, too. */
export const ANE_API = 'MAYFLY_ANE_API';

/** The name under which the limits of a device are kept: each API of device `ane` has its own. */
export const limitsKey = (device: string, api: AneApi | null): string =>
  api === 'client' ? `${device}:${api}` : device;

export interface AneApiChoice {
  /** Null for devices other than `ane`. */
  readonly api: AneApi | null;
  /** Why this one, in a few words; empty for the default. */
  readonly reason: string;
}

/**
 * The API through which programs reach device `ane`: that of `MAYFLY_ANE_API`, else the one that `mayfly doctor --probe-limits`
 * found to be better on this machine, else `in-memory`.
 *
 * @throws `ERR_INVALID_ARGUMENT`
 */
export function chooseAneApi(device: string, env: Readonly<Record<string, string | undefined>>): AneApiChoice {
  if (device !== 'ane') return { api: null, reason: '' };
  const { [ANE_API]: given = '' } = env;
  if (given !== '') {
    const api = aneApis.find((each) => each === given);
    if (api === undefined) throw invalidArgument(ANE_API, aneApis.join(' or '), given);
    return { api, reason: `${ANE_API} says so` };
  }
  const measured = aneApis.map((api) => readMachineLimits(limitsKey(device, api)));
  return betterApi(measured[0]!, measured[1]!) === 'client'
    ? { api: 'client', reason: 'it has the higher limits here' }
    : { api: 'in-memory', reason: '' };
}

/** The API that allows a process more compilations, then more loaded programs; `in-memory` unless both were measured. */
export function betterApi(inMemory: MachineLimits | null, client: MachineLimits | null): AneApi {
  if (inMemory === null || client === null) return 'in-memory';
  const [few, many] = [compilations(inMemory), compilations(client)];
  const isBetter = few === many ? (client.livePrograms ?? 0) > (inMemory.livePrograms ?? 0) : many > few;
  return isBetter ? 'client' : 'in-memory';
}

/** Compilations of a process: Infinity where no refusal was met. */
const compilations = (limits: MachineLimits): number =>
  limits.compilationsRefused ? limits.compilations : Number.POSITIVE_INFINITY;
