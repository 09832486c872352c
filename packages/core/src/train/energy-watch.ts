import { addon, type EnergyReading, type NativeEnergyMeter } from '@mayfly/native';

/** Between two readings, at least. */
const EVERY_MS = 1000;
/** Readings take this share of the time at most. */
const SHARE = 1 / 200;

/** Energy of the Neural Engine and traffic of memory over some steps, with all that happened between them. Assumed: no Mac has run it. */
export interface EnergyUse {
  /** The last of the steps. */
  readonly step: number;
  readonly steps: number;
  readonly ms: number;
  /** Of all dies, for a step; null where energy is not counted, or a counter went backwards. */
  readonly joulesPerStep: number | null;
  /** Joules of each die. */
  readonly dies: readonly { readonly name: string; readonly joules: number }[];
  /** Read and written by the whole chip, other programs included; null where that is not counted. */
  readonly memoryBytesPerSecond: number | null;
  /** The Neural Engine's share. */
  readonly aneBytesPerSecond: number | null;
}

/** Reads a Mac's counters of energy and memory while a training on device ane runs. */
export class EnergyWatch {
  readonly #meter: NativeEnergyMeter;
  #isOpen = true;
  #step: number;
  #dueAt: number;

  private constructor(meter: NativeEnergyMeter, step: number) {
    this.#meter = meter;
    this.#step = step;
    this.#dueAt = performance.now() + EVERY_MS;
  }

  /**
   * Null for other devices, and where the system has no counters: `mayfly doctor` says why.
   *
   * @param step The last step that is done.
   */
  static open(device: string, step: number): EnergyWatch | null {
    if (device !== 'ane') return null;
    try {
      return new EnergyWatch(addon.ane.openEnergyMeter(), step);
    } catch {
      return null;
    }
  }

  /** Call it after every step. Null unless a reading is due. */
  look(step: number): EnergyUse | null {
    return performance.now() < this.#dueAt ? null : this.read(step);
  }

  /** Null without a step since the last reading, and once the counters fail. */
  read(step: number): EnergyUse | null {
    const steps = step - this.#step;
    if (!this.#isOpen || steps <= 0) return null;
    const start = performance.now();
    const reading = this.#readMeter();
    const end = performance.now();
    this.#step = step;
    this.#dueAt = end + Math.max(EVERY_MS, (end - start) / SHARE);
    if (reading === null || (reading.joules === null && reading.memoryBytes === null)) return null;
    return energyUse(reading, step, steps);
  }

  #readMeter(): EnergyReading | null {
    try {
      return this.#meter.read();
    } catch {
      // A training goes on without its energy.
      this.#isOpen = false;
      return null;
    }
  }
}

function energyUse({ seconds, joules, memoryBytes, aneBytes }: EnergyReading, step: number, steps: number): EnergyUse {
  const dies = Object.entries(joules ?? {}).map(([name, each]) => ({ name, joules: each }));
  const rate = (bytes: number | null) => (bytes === null ? null : bytes / seconds);
  return {
    ...{ step, steps, ms: 1000 * seconds },
    joulesPerStep: joules === null ? null : dies.reduce((sum, die) => sum + die.joules, 0) / steps,
    dies,
    memoryBytesPerSecond: rate(memoryBytes),
    aneBytesPerSecond: rate(aneBytes),
  };
}
