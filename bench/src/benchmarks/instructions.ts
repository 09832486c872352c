import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Benchmark, Figure } from '../harness/report.js';
import { median } from '../harness/statistics.js';
import type { DispatchTask } from '../scripts/dispatch-many.js';

const run = promisify(execFile);
const script = new URL('./dispatch-many.js', import.meta.url).pathname;
/** Dispatches until V8 has compiled everything. The same number more is what counts. */
const DISPATCHES = 20_000;

export const instructions: Benchmark = {
  name: 'instructions',
  measures:
    'Instructions of the main process for a dispatch of a tiny kernel, counted by callgrind, with and without subscribers to the channels; with MAYFLY_BENCH_CHECKOUT also of another checkout that was built.',
  async measure({ quick, repetitions }) {
    const dispatches = quick ? 500 : DISPATCHES;
    const other = process.env.MAYFLY_BENCH_CHECKOUT;
    const cases: readonly (readonly [string, Omit<DispatchTask, 'dispatches'>])[] = [
      ['nobody subscribed', { subscribed: 'nobody', checkout: null }],
      ['a listener that does nothing', { subscribed: 'listener', checkout: null }],
      ['a trace', { subscribed: 'trace', checkout: null }],
      ...(other === undefined
        ? []
        : [[other, { subscribed: 'nobody', checkout: resolve(other) }] as [string, Omit<DispatchTask, 'dispatches'>]]),
    ];
    const figures: Figure[] = [];
    const skipped: { case: string; reason: string }[] = [];
    for (const [name, task] of cases) {
      try {
        const counts: number[] = [];
        for (let repetition = 0; repetition < repetitions; repetition++) {
          console.error(`instructions: ${name}, ${repetition + 1} of ${repetitions}`);
          const once = await count({ ...task, dispatches });
          const twice = await count({ ...task, dispatches: 2 * dispatches });
          counts.push((twice - once) / dispatches);
        }
        figures.push({
          case: name,
          isolation: 'process',
          placement: 'scheduler',
          unit: 'instructions',
          p50: median(counts),
        });
      } catch (error) {
        skipped.push({ case: name, reason: (error as Error).message.split('\n')[0]! });
      }
    }
    return { repetitions, figures, targets: [], skipped };
  },
};

/** All instructions of the process that dispatches, compiled JavaScript included; workers run outside of valgrind. */
async function count(task: DispatchTask): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-callgrind-'));
  try {
    const out = join(folder, 'callgrind.out');
    const valgrind = ['--tool=callgrind', `--callgrind-out-file=${out}`];
    // One thread, so that compilation and collection of garbage do not run by the clock.
    const node = [process.execPath, '--single-threaded', script, JSON.stringify(task)];
    await run('valgrind', [...valgrind, ...node], {
      maxBuffer: 1 << 24,
      env: { ...process.env, TMPDIR: folder },
    });
    const [, total] = /^(?:summary|totals): (\d+)/m.exec(readFileSync(out, 'latin1')) ?? [];
    if (total === undefined) throw new Error('Expected a count of instructions from callgrind, got none');
    return Number(total);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
