import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Placement, placements } from '../harness/placement.js';
import { type Benchmark, type Figure, type Target, target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { median, medianOf } from '../harness/statistics.js';
import { KERNELS } from '../harness/train-shape.js';
import type { RotationSample, RotationTask } from '../scripts/rotation-run.js';
import type { TrainSample, TrainTask } from '../scripts/train-once.js';

/** Steps that a worker's compilations last: one goes to the first load. */
const STEPS_PER_LIFE = 4;
/** Of a worker that took over from another, which loads nothing twice. */
const STEPS_PER_WORKER = STEPS_PER_LIFE + 1;
const LIMIT = KERNELS * STEPS_PER_WORKER;

interface Lives {
  /** From the start of the first process to the end of the last. */
  readonly wallMs: number;
  readonly samples: readonly TrainSample[];
}

export const staticRotation: Benchmark = {
  name: 'static-rotation',
  measures: `Training with weights as constants and ${LIMIT} compilations in the life of a process: retiring workers, and restarting the program from a checkpoint. What a retirement costs is seen in ${STEPS_PER_WORKER} steps from it on, beside the ${STEPS_PER_WORKER} after them, on the same worker.`,
  async measure({ quick, repetitions }) {
    const figures: Figure[] = [];
    const targets: Target[] = [];
    for (const placement of placements) {
      const { ratio, rows } = await throughRetirements(placement, quick, repetitions);
      figures.push(...rows);
      // Pinned, a worker that starts shares the processor of the one that serves: shown, but nothing is asked of it.
      if (placement === 'pinned') continue;
      targets.push(target('time lost to retirements / run time without, beyond compilations', ratio - 1, '<=', 0.02));
    }
    const lives = await wholeRuns(quick, repetitions);
    return { repetitions, figures: [...figures, ...lives.figures], targets: [...targets, lives.target], skipped: [] };
  },
};

/** Steps with a retirement and without one, in turn. */
async function throughRetirements(
  placement: Placement,
  quick: boolean,
  repetitions: number,
): Promise<{ ratio: number; rows: Figure[] }> {
  const task: RotationTask = { placement, lives: quick ? 1 : 8, steps: STEPS_PER_WORKER };
  const samples: RotationSample[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    samples.push(await runScript<RotationSample>('rotation-run', task));
  }
  const of = medianOf(samples);
  const row = (name: string, unit: Figure['unit'], p50: number, p99?: number): Figure => ({
    ...{ case: name, isolation: 'process', placement, unit, p50 },
    ...(p99 === undefined ? {} : { p99 }),
  });
  const rows = [
    row(
      `a step, ${STEPS_PER_WORKER + 1} to ${2 * STEPS_PER_WORKER} steps after a retirement`,
      'ms',
      of.firstP50,
      of.firstP99,
    ),
    row(
      `a step, 1 to ${STEPS_PER_WORKER} steps after a retirement (${of.retirements})`,
      'ms',
      of.secondP50,
      of.secondP99,
    ),
    row('lost to retirements', '%', 100 * (of.ratio - 1)),
    row('lost, lower quartile of retirements', '%', 100 * (of.ratioLow - 1)),
    row('lost, upper quartile of retirements', '%', 100 * (of.ratioHigh - 1)),
    row('a compilation', 'ms', of.compilationP50, of.compilationP99),
  ];
  return { ratio: of.ratio, rows };
}

/** Whole runs, from the start of the first process to the end of the last. */
async function wholeRuns(quick: boolean, repetitions: number): Promise<{ figures: Figure[]; target: Target }> {
  const steps = quick ? STEPS_PER_WORKER : 40;
  const free: Lives[] = [];
  const retiring: Lives[] = [];
  const restarted: Lives[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    free.push(await live([{ until: steps, steps, retireAfter: null }]));
    retiring.push(await live([{ until: steps, steps, retireAfter: LIMIT }]));
    restarted.push(await inFolder((out) => live(livesOf(steps, out))));
  }
  const [a, ours, b] = [free, retiring, restarted].map((lives) => median(lives.map(({ wallMs }) => wallMs)));
  const row = (name: string, p50: number): Figure => ({
    ...{ case: name, isolation: 'process', placement: 'scheduler', unit: 'ms', p50 },
  });
  const { retirements } = medianOf(retiring.map(({ samples }) => samples[0]!));
  return {
    figures: [
      row(`${steps} steps, no limit`, a!),
      row(`${steps} steps, workers retire (${retirements} times)`, ours!),
      row(`${steps} steps, the program restarts (${restarted[0]!.samples.length - 1} times)`, b!),
    ],
    // Below one part in a thousand of the run, our overhead is within the clock's noise.
    target: target(
      'overhead of restarting / overhead of retiring',
      (b! - a!) / Math.max(ours! - a!, a! / 1000),
      '>=',
      5,
    ),
  };
}

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
