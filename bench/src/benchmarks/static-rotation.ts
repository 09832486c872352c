import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Benchmark, type Figure, target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { median, medianOf } from '../harness/statistics.js';
import { KERNELS } from '../harness/train-shape.js';
import type { TrainSample, TrainTask } from '../train-once.js';

/** Steps that a worker's compilations last: one goes to the first load. */
const STEPS_PER_LIFE = 4;
const LIMIT = KERNELS * (STEPS_PER_LIFE + 1);

interface Lives {
  /** From the start of the first process to the end of the last. */
  readonly wallMs: number;
  readonly samples: readonly TrainSample[];
}

export const staticRotation: Benchmark = {
  name: 'static-rotation',
  measures: `Training with weights as constants and ${LIMIT} compilations in the life of a process: retiring workers, and restarting the program from a checkpoint.`,
  async measure({ quick, repetitions }) {
    const steps = quick ? STEPS_PER_LIFE + 1 : 40;
    const free: Lives[] = [];
    const retiring: Lives[] = [];
    const restarted: Lives[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) {
      free.push(await live([{ until: steps, steps, retireAfter: null }]));
      retiring.push(await live([{ until: steps, steps, retireAfter: LIMIT }]));
      restarted.push(await inFolder((out) => live(livesOf(steps, out))));
    }
    const [a, ours, b] = [free, retiring, restarted].map((lives) => median(lives.map(({ wallMs }) => wallMs)));
    const [unlimited, limited] = [free, retiring].map((lives) => medianOf(lives.map(({ samples }) => samples[0]!)));
    const more = Math.max(0, limited!.compilations - unlimited!.compilations);
    const lost = ours! - a! - more * unlimited!.compilationMs;
    const row = (name: string, milliseconds: number): Figure => ({
      case: name,
      isolation: 'process',
      placement: 'scheduler',
      unit: 'ms',
      p50: milliseconds,
    });
    return {
      repetitions,
      figures: [
        row(`${steps} steps, no limit`, a!),
        row(`workers retire (${limited!.retirements} times)`, ours!),
        row(`the program restarts (${restarted[0]!.samples.length - 1} times)`, b!),
        row('a compilation', unlimited!.compilationMs),
      ],
      targets: [
        target('time lost to retirements / run time without, beyond compilations', lost / a!, '<=', 0.02),
        // Below one part in a thousand of the run, our overhead is within the clock's noise.
        target('overhead of restarting / overhead of retiring', (b! - a!) / Math.max(ours! - a!, a! / 1000), '>=', 5),
      ],
      skipped: [],
    };
  },
};

/** The lives of a program that ends when it may compile no more. */
function livesOf(steps: number, out: string): TrainTask[] {
  const lives: TrainTask[] = [];
  for (let from = 0; from < steps; from += STEPS_PER_LIFE) {
    const until = Math.min(from + STEPS_PER_LIFE, steps);
    lives.push({ until, steps, retireAfter: null, out, resumed: from > 0 });
  }
  return lives;
}

async function live(tasks: readonly TrainTask[]): Promise<Lives> {
  const started = performance.now();
  const samples: TrainSample[] = [];
  for (const task of tasks) samples.push(await runScript<TrainSample>('train-once', task));
  return { wallMs: performance.now() - started, samples };
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'mayfly-bench-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
