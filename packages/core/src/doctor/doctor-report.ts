import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, freemem, homedir, platform, release, totalmem, version } from 'node:os';
import {
  type AneApi,
  type AneCanary,
  type AneProbe,
  addon,
  isSimName,
  type Matmul,
  parseSimName,
} from '@mayfly/native';
import { askAne, type EnergyCounters } from '../machine/ane.js';
import { chooseAneApi, limitsKey } from '../machine/ane-api.js';
import { answersFolder } from '../machine/answers.js';
import { type ChoiceQuestion, type StoredChoice, storedChoices } from '../machine/choices.js';
import { resolveDevice } from '../machine/device.js';
import { type MachineLimits, readMachineLimits } from '../machine/limits.js';
import { type RoundTrip, roundTrip } from './round-trip.js';
import { type SystemLimit, systemLimits } from './system-limits.js';

/** A device of this machine, or one named by the user. */
export interface DeviceReport {
  readonly device: string;
  readonly usable: boolean;
  /** Why it is not usable; empty if it is. */
  readonly reason: string;
  /** Null if the device is not usable. */
  readonly roundTrip: RoundTrip | null;
  /** Of device `ane`, the API that pools use; null for others. */
  readonly api: AneApi | null;
  /** Limits that `--probe-limits` measured before, with that API. */
  readonly limits: MachineLimits | null;
}

/** Versions, system, limits and the addon of this machine. */
export interface MachineDescription {
  readonly versions: Readonly<Record<string, string>>;
  readonly system: {
    readonly platform: string;
    readonly release: string;
    readonly version: string;
    readonly arch: string;
    readonly processor: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly freeBytes: number;
  };
  readonly limits: readonly SystemLimit[];
  readonly addon: {
    readonly isa: string;
    /** Why an instruction set that the processor reports is not used; null if all are. */
    readonly isaFault: string | null;
    /** What `--precision fast` multiplies with. */
    readonly fastMatmul: Matmul;
    /** The library of `--precision blas`, or why there is none. */
    readonly blas: { readonly library: string } | { readonly fault: string };
    readonly devices: readonly string[];
  };
}

/** A report for issues. It contains no user names, and no paths but that of the cache. */
export interface DoctorReport extends MachineDescription {
  readonly framework: FrameworkReport;
  readonly devices: readonly DeviceReport[];
  /** Variants of programs that were found to run here. */
  readonly choices: readonly (Omit<ChoiceQuestion, 'programs'> & StoredChoice)[];
  /** The folder of this machine's stored limits and choices. */
  readonly answersFolder: string;
  /** The device that `auto` takes. */
  readonly auto: string;
}

const { version: mayfly = '' } = createRequire(import.meta.url)('../package.json') as Record<string, string>;

export interface ExamineOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called before each device is tried. */
  readonly onProgress?: ((what: string) => void) | undefined;
}

/**
 * Examines this machine, and tries its devices and `more`, each in a process of its own.
 *
 * @throws `ERR_DEVICE_UNAVAILABLE`, `ERR_CHIP_UNKNOWN` for names in `more` that are no devices.
 */
export async function examine(
  more: readonly string[] = [],
  { signal, onProgress }: ExamineOptions = {},
): Promise<DoctorReport> {
  const present = addon.deviceNames();
  for (const name of more) if (name !== 'ane') resolveDevice(name);
  onProgress?.('AppleNeuralEngine.framework');
  const framework = await probeFramework(signal);
  const devices = await examineDevices(['ane', 'cpu', ...present, ...more], framework.reason, { signal, onProgress });
  const auto = present.includes('ane') ? 'ane' : 'cpu';
  return {
    ...describeMachine(),
    framework,
    devices,
    choices: knownChoices(),
    answersFolder: answersFolder().replace(homedir(), '~'),
    auto,
  };
}

export function describeMachine(): MachineDescription {
  const { node, v8, uv, napi = '', modules = '' } = process.versions;
  return {
    versions: { mayfly, node, v8, uv, napi, modules },
    system: {
      platform: platform(),
      release: release(),
      version: version(),
      arch: arch(),
      processor: cpus()[0]?.model ?? '',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      freeBytes: freemem(),
    },
    limits: systemLimits(),
    addon: {
      isa: addon.isa(),
      isaFault: addon.isaFault(),
      fastMatmul: addon.fastMatmul(),
      blas: describeBlas(),
      devices: addon.deviceNames(),
    },
  };
}

function describeBlas(): MachineDescription['addon']['blas'] {
  try {
    return { library: addon.blas() };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

/**
 * Tries devices, each in a process of its own.
 *
 * @param noEngine Why this machine has no device ane, if it has none.
 */
export async function examineDevices(
  names: readonly string[],
  noEngine: string,
  { signal, onProgress }: ExamineOptions = {},
): Promise<readonly DeviceReport[]> {
  const devices: DeviceReport[] = [];
  for (const name of new Set(names)) {
    onProgress?.(`device ${name}`);
    devices.push(await examineDevice(name, noEngine, signal));
  }
  return devices;
}

/** Without the digests of programs. */
const knownChoices = (): DoctorReport['choices'] =>
  storedChoices.all().map(({ question, answer }) => {
    const { programs: _, ...asked } = JSON.parse(question) as ChoiceQuestion;
    return { ...asked, ...answer };
  });

async function examineDevice(device: string, noEngine: string, signal: AbortSignal | undefined): Promise<DeviceReport> {
  const { api } = chooseAneApi(device, process.env);
  const known = { device, api, limits: readMachineLimits(limitsKey(device, api)) };
  const unusable = (reason: string): DeviceReport => ({ ...known, usable: false, reason, roundTrip: null });
  if (isSimName(device)) parseSimName(device);
  else if (!addon.deviceNames().includes(device))
    return unusable(device === 'ane' ? noEngine : 'no such device in this build');
  try {
    return { ...known, usable: true, reason: '', roundTrip: await roundTrip(device, signal) };
  } catch (error) {
    signal?.throwIfAborted();
    return unusable(error instanceof Error ? error.message : String(error));
  }
}

/** The parts of AppleNeuralEngine.framework on this machine, and the results of tiny programs. */
export interface FrameworkReport extends AneProbe {
  /** Empty if there is no engine. */
  readonly canaries: readonly AneCanary[];
  /** The counters of energy and memory that can be read here, or why none can. */
  readonly energy: EnergyCounters | { readonly fault: string };
}

/** Lists the classes and selectors that device ane uses, present or not, and runs the canaries and reads counters in processes of their own. */
export async function probeFramework(signal?: AbortSignal): Promise<FrameworkReport> {
  const probe = addon.ane.probe();
  if (!probe.available) return { ...probe, canaries: [], energy: { fault: probe.reason } };
  return { ...probe, canaries: await runCanaries(signal), energy: await findCounters(signal) };
}

async function runCanaries(signal: AbortSignal | undefined): Promise<FrameworkReport['canaries']> {
  try {
    return await askAne('canaries', signal);
  } catch (error) {
    signal?.throwIfAborted();
    return [{ name: 'canaries', outcome: messageOf(error), ok: false }];
  }
}

async function findCounters(signal: AbortSignal | undefined): Promise<FrameworkReport['energy']> {
  try {
    return await askAne('openEnergyMeter', signal);
  } catch (error) {
    signal?.throwIfAborted();
    return { fault: messageOf(error) };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
