import type { Benchmark, Figure, Target } from '../harness/report.js';
import { target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { median } from '../harness/statistics.js';
import type { RecoveryFault, RecoverySample, RecoveryTask } from '../scripts/recovery-run.js';

/** What is measured of a fault: the name of a row, and what it may come to in milliseconds at the worst. */
type Row = readonly [part: keyof RecoverySample, name: string, most: number];

const faults: readonly (readonly [RecoveryFault, string, readonly Row[]])[] = [
  [
    'kill',
    'SIGKILL in a dispatch',
    [
      ['answered', 'answered, beyond the work itself', 25],
      ['refilled', 'kernel in place again', 25],
    ],
  ],
  [
    'crash',
    'SIGSEGV in a dispatch',
    [
      ['answered', 'answered, beyond the work itself', 25],
      ['refilled', 'kernel in place again', 25],
    ],
  ],
  [
    'hang',
    'hang, from its SIGKILL',
    [
      ['answered', 'answered, beyond the work itself', 25],
      ['refilled', 'kernel in place again', 20],
      ['gone', 'process gone', 20],
    ],
  ],
  [
    'abort',
    'abort of a dispatch of seconds, from its SIGKILL',
    [
      ['refilled', 'kernel in place again', 20],
      ['gone', 'processor idle', 20],
    ],
  ],
  ['orphan', 'SIGKILL of the main process', [['gone', 'last worker gone', 100]]],
];

export const recovery: Benchmark = {
  name: 'recovery',
  measures: 'Time to recover from the end of a worker, or of the main process, with a warm standby: median and worst.',
  async measure({ quick }) {
    const figures: Figure[] = [];
    const targets: Target[] = [];
    const skipped: { case: string; reason: string }[] = [];
    const count = quick ? 2 : 30;
    for (const [fault, title, rows] of faults) {
      if (fault === 'orphan' && process.platform !== 'linux') {
        skipped.push({ case: title, reason: 'reads /proc' });
        continue;
      }
      const task: RecoveryTask = { fault, count: fault === 'orphan' ? Math.ceil(count / 3) : count };
      const sample = await runScript<RecoverySample>('recovery-run', task);
      for (const [part, name, most] of rows) {
        const times = sample[part];
        const place = { isolation: 'process', placement: 'scheduler', unit: 'ms' } as const;
        figures.push({ case: `${title}: ${name}`, ...place, p50: median(times) });
        figures.push({ case: `${title}: ${name}, worst of ${times.length}`, ...place, p50: Math.max(...times) });
        targets.push(target(`${title}: ${name}, worst, ms`, Math.max(...times), '<=', most));
      }
    }
    return { repetitions: count, figures, targets, skipped };
  },
};
