import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { alternate } from '../harness/alternate.js';
import { compileC } from '../harness/compile-c.js';
import { measureMachine } from '../harness/machine.js';
import { openmpBlas } from '../harness/openmp-blas.js';
import type { Benchmark, Figure, Target } from '../harness/report.js';
import { target } from '../harness/report.js';
import { runForJson, runScript } from '../harness/run-script.js';
import { type StepModel, stepGflop, stepModels, taskOf } from '../harness/step-models.js';
import { ratio } from '../harness/targets.js';
import type { StepSample, StepTask } from '../scripts/step-run.js';

/** Ours / the peer's milliseconds at most, from issue 5, for a machine without AMX; bf16 is told but not aimed at there. */
const MOST_OF_PYTORCH_FP32 = 1;
/** The scalar peer's milliseconds / ours at least. */
const LEAST_OF_SCALAR = 12;
const TIMEOUT_MS = 600_000;
/** Debian's own, which sees Debian's packages where another comes first in PATH. */
const SYSTEM_PYTHON = '/usr/bin/python3';

export const step: Benchmark = {
  name: 'step',
  measures:
    'A training step, one window: forward, backward, clipping, AdamW. PyTorch: tuned as bench/README.md says. Fast, AVX2 and scalar C: one repetition.',
  async measure({ quick, repetitions }) {
    const threads = availableParallelism();
    const peak = await measureMachine(threads).then(
      ({ avx512, avx2 }) => Math.max(avx512, avx2),
      () => undefined,
    );
    const figures: Figure[] = [];
    const targets: Target[] = [];
    const skipped: { case: string; reason: string }[] = [];
    for (const model of quick ? stepModels.slice(1, 2) : stepModels) {
      const task = taskOf(model, quick);
      const measured = await alternate<Record<string, number>>(
        `step, ${model.name}`,
        [
          { name: 'mayfly', run: () => mayfly(model, {}, task) },
          { name: 'mayfly fast', repetitions: 1, run: () => mayfly(model, {}, { ...task, precision: 'fast' }) },
          { name: 'mayfly avx2', repetitions: 1, run: () => mayfly(model, { MAYFLY_ISA: 'avx2' }, task) },
          { name: 'scalar C', repetitions: 1, run: () => scalar(model, threads) },
          { name: 'pytorch fp32', run: () => pytorch(model, false, threads, task) },
          { name: 'pytorch bf16', run: () => pytorch(model, true, threads, task) },
        ],
        repetitions,
      );
      skipped.push(...measured.skipped.map((skip) => ({ ...skip, case: `${model.name}: ${skip.case}` })));
      for (const [name, sample] of measured.samples)
        figures.push(...rows(`${model.name}: ${name}`, sample, model, peak));
      const own = measured.samples.get('mayfly');
      if (own === undefined) continue;
      const peer = measured.samples.get('pytorch fp32')?.p50;
      targets.push(...ratio(`${model.name}: mayfly / pytorch fp32`, own.p50, peer, '<=', MOST_OF_PYTORCH_FP32));
      const scalarPeer = measured.samples.get('scalar C')?.p50;
      targets.push(...ratio(`${model.name}: scalar C / mayfly`, scalarPeer, own.p50, '>=', LEAST_OF_SCALAR));
      targets.push(target(`${model.name}: sum of the parts / step`, sumOfParts(own) / own.mean!, '>=', 0.97));
    }
    return { repetitions, figures, targets, skipped };
  },
};

export type Task = Omit<StepTask, 'model'>;

export const mayfly = (model: StepModel, env: Readonly<Record<string, string>>, task: Task): Promise<StepSample> =>
  runScript<StepSample>('step-run', { model, ...task } satisfies StepTask, TIMEOUT_MS, env);

/** A step takes seconds: one to warm up, and one. */
function scalar({ config, sequence }: StepModel, threads: number): Promise<Record<string, number>> {
  const { dim, hidden, layers, heads, kvHeads, headDim, vocab } = config;
  const program = compileC('peers/scalar_step', ['-Ofast', '-march=native', '-fopenmp', '-lm']);
  const args = [dim, hidden, layers, heads, kvHeads, headDim, vocab, sequence, 1, 1].map(String);
  return runForJson<Record<string, number>>(program, args, TIMEOUT_MS, { OMP_NUM_THREADS: String(threads) });
}

/** Memory is kept between steps, and OpenMP and BLAS share one set of threads where Debian's packages allow it. */
export async function pytorch({ config, sequence, batch }: StepModel, bf16: boolean, threads: number, task: Task) {
  const script = new URL('../peers/llama_step.py', import.meta.url).pathname;
  const env = {
    MALLOC_MMAP_THRESHOLD_: String(4 * 2 ** 30),
    MALLOC_TRIM_THRESHOLD_: String(8 * 2 ** 30),
    OMP_NUM_THREADS: String(threads),
    ...openmpBlas,
  };
  const python = existsSync(SYSTEM_PYTHON) ? SYSTEM_PYTHON : 'python3';
  const args = [script, JSON.stringify({ config, sequence, batch, bf16, threads, ...task })];
  const { p50, forward, backward, update } = await runForJson<Record<string, number>>(python, args, TIMEOUT_MS, env);
  return { p50: p50!, forward: forward!, backward: backward!, update: update! };
}

const isTime = (key: string): boolean => key !== 'p50' && key !== 'mean' && key !== 'loss';

/** The queue works beside the main process. */
const isPart = (key: string): boolean => isTime(key) && !key.startsWith('queue: ');

const sumOfParts = (sample: Record<string, number>): number =>
  Object.entries(sample).reduce((sum, [key, value]) => (isPart(key) ? sum + value : sum), 0);

function rows(name: string, sample: Record<string, number>, model: StepModel, peak: number | undefined): Figure[] {
  const rate = stepGflop(model) / (sample.p50! / 1000);
  const figure = (what: string, unit: Figure['unit'], p50: number): Figure => ({
    ...{ case: `${name}${what}`, isolation: 'none', placement: 'scheduler' },
    ...{ unit, p50 },
  });
  return [
    figure('', 'ms', sample.p50!),
    figure(', products', 'GFLOP/s', rate),
    ...(peak === undefined ? [] : [figure(', share of the peak', '%', (100 * rate) / peak)]),
    ...Object.entries(sample)

      .filter(([key, ms]) => isTime(key) && ms >= 0.01 * sample.p50!)
      .map(([key, ms]) => figure(`, ${key}`, 'ms', ms)),
  ];
}
