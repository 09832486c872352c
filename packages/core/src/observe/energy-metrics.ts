import type { EnergyUse } from '../train/energy-watch.js';
import type { Metric, Sample } from './pool-metric-list.js';

/** Energy and traffic of memory that trainings on this machine counted so far. */
export class EnergyTotals {
  /** Joules by die. */
  readonly joules = new Map<string, number>();
  /** Joules of a step by die, in the mean of the last reading. */
  readonly stepJoules = new Map<string, number>();
  /** Null where they are not counted. */
  memoryBytes: number | null = null;
  aneBytes: number | null = null;

  add({ steps, ms, dies, memoryBytesPerSecond: memory, aneBytesPerSecond: ane }: EnergyUse): void {
    for (const { name, joules } of dies) {
      this.joules.set(name, (this.joules.get(name) ?? 0) + joules);
      this.stepJoules.set(name, joules / steps);
    }
    if (memory !== null) this.memoryBytes = (this.memoryBytes ?? 0) + (memory * ms) / 1000;
    if (ane !== null) this.aneBytes = (this.aneBytes ?? 0) + (ane * ms) / 1000;
  }
}

const byDie = (joules: ReadonlyMap<string, number>): Sample[] => Array.from(joules, ([die, each]) => [{ die }, each]);
const counted = (value: number | null): Sample[] => (value === null ? [] : [[{}, value]]);
const ASSUMED = 'Assumed: no Mac has run it.';

/** The metrics of energy, without samples where nothing is counted. `docs/pool/observe.md` lists them. */
export const energyMetricList: readonly Metric<EnergyTotals>[] = [
  {
    name: 'mayfly_ane_energy_joules_total',
    type: 'counter',
    help: `Energy of the Neural Engine's dies while steps ran. ${ASSUMED}`,
    samples: ({ joules }) => byDie(joules),
  },
  {
    name: 'mayfly_ane_step_joules',
    type: 'gauge',
    help: `Energy of the Neural Engine's dies for a step, in the mean of about a second. ${ASSUMED}`,
    samples: ({ stepJoules }) => byDie(stepJoules),
  },
  {
    name: 'mayfly_memory_traffic_bytes_total',
    type: 'counter',
    help: `Bytes that the chip read from memory and wrote to it while steps ran. ${ASSUMED}`,
    samples: ({ memoryBytes }) => counted(memoryBytes),
  },
  {
    name: 'mayfly_ane_traffic_bytes_total',
    type: 'counter',
    help: `The Neural Engine's share of them. ${ASSUMED}`,
    samples: ({ aneBytes }) => counted(aneBytes),
  },
];
