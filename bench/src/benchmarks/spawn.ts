import { freemem } from 'node:os';
import { spawnFloor } from '../harness/floor.js';
import { placements } from '../harness/placement.js';
import { type Benchmark, type Figure, type Target, target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import type { SpawnSamples, SpawnTask } from '../scripts/spawn-stall.js';

const GIB = 1024;

export const spawn: Benchmark = {
  name: 'spawn',
  measures: 'Time that the start of a worker blocks the main thread, by the private memory of the main process.',
  async measure({ quick }) {
    const figures: Figure[] = [];
    const targets: Target[] = [];
    const skipped: { case: string; reason: string }[] = [];
    const count = quick ? 3 : 20;
    for (const residentMiB of quick ? [50] : [50, 2 * GIB, 8 * GIB]) {
      const size = residentMiB < GIB ? `${residentMiB} MiB` : `${residentMiB / GIB} GiB`;
      const needed = (residentMiB + GIB) * 2 ** 20;
      if (freemem() < needed) {
        skipped.push({ case: size, reason: `needs ${needed} bytes of free memory` });
        continue;
      }
      const task: SpawnTask = { residentMiB, count };
      const samples = await runScript<SpawnSamples>('spawn-stall', task);
      for (const placement of placements) {
        const { ours, theirs } = samples[placement];
        const row = (name: string, { p50, p99 }: { p50: number; p99: number }): Figure => ({
          case: `${name}, ${size}`,
          isolation: 'process',
          placement,
          unit: 'us',
          p50,
          p99,
        });
        figures.push(row('C posix_spawn', await spawnFloor(residentMiB, count, placement)));
        figures.push(row('mayfly', ours), row('child_process.spawn', theirs));
        targets.push(target(`stall at ${size}, us, ${placement}`, ours.p50, '<=', 1000));
      }
    }
    return { repetitions: count, figures, targets, skipped };
  },
};
