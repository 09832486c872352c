import { askAppleTool } from './apple-tools.js';

/** Power source and limits of speed of a Mac; fields that the system does not report are null. */
export interface PowerState {
  readonly source: 'mains' | 'battery' | null;
  readonly lowPowerMode: boolean | null;
  /** Thermal pressure, as macOS grades it. */
  readonly thermal: ThermalPressure | null;
  /** Share of its speed that the system allows the processor, in percent. */
  readonly speedLimit: number | null;
}

/** Grades of thermal pressure of macOS, from none to the highest. */
export type ThermalPressure = 'nominal' | 'moderate' | 'heavy' | 'trapping' | 'sleeping';

const pressures: readonly ThermalPressure[] = ['nominal', 'moderate', 'heavy', 'trapping', 'sleeping'];

/** Outputs of the commands that tell of power; empty where a command failed. */
export interface PowerOutputs {
  /** `pmset -g`. */
  readonly settings: string;
  /** `pmset -g batt`. */
  readonly battery: string;
  /** `pmset -g therm`. */
  readonly limits: string;
  /** `notifyutil -g com.apple.system.thermalpressurelevel`. */
  readonly pressure: string;
}

/** Reads the state from what macOS's commands print. Nothing of their output is kept but these four facts. */
export function parsePowerState({ settings, battery, limits, pressure }: PowerOutputs): PowerState {
  return {
    source: /'Battery Power'/.test(battery) ? 'battery' : /'(AC|UPS) Power'/.test(battery) ? 'mains' : null,
    lowPowerMode: lowPowerMode(settings),
    thermal: pressures[Number(/thermalpressurelevel\s+(\d+)/.exec(pressure)?.[1] ?? Number.NaN)] ?? null,
    speedLimit: speedLimit(limits),
  };
}

/** Macs print `lowpowermode`, which is 0 or 1, or `powermode`, which is 1 in low-power mode and 2 in the mode of high power. */
function lowPowerMode(settings: string): boolean | null {
  const values = [...settings.matchAll(/^\s*(?:lowpowermode|powermode)\s+(\d+)\s*$/gm)].map(([, value]) => value);
  return values.length === 0 ? null : values.includes('1');
}

/** The latest entry; without one there is no limit, which the command states in words. */
function speedLimit(limits: string): number | null {
  const latest = [...limits.matchAll(/CPU_Speed_Limit\s*=\s*(\d+)/g)].at(-1)?.[1];
  if (latest !== undefined) return Number(latest);
  return /No (thermal|performance) warning level/.test(limits) ? 100 : null;
}

/** Asks the system. All null on systems other than macOS. */
export async function readPowerState(): Promise<PowerState> {
  const [settings, battery, limits, pressure] = await Promise.all([
    askAppleTool('pmset', ['-g']),
    askAppleTool('pmset', ['-g', 'batt']),
    askAppleTool('pmset', ['-g', 'therm']),
    askAppleTool('notifyutil', ['-g', 'com.apple.system.thermalpressurelevel']),
  ]);
  return parsePowerState({ settings, battery, limits, pressure });
}
