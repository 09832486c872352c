import { availableParallelism } from 'node:os';
import { addon } from '@mayfly/native';
import { alternate } from '../harness/alternate.js';
import { compileC } from '../harness/compile-c.js';
import { type GemmShape, gemmShapes, nameOf, rateOf } from '../harness/gemm-shapes.js';
import { type Machine, measureMachine } from '../harness/machine.js';
import { openmpBlas } from '../harness/openmp-blas.js';
import type { Benchmark, Figure, Target } from '../harness/report.js';
import { runForJson, runScript } from '../harness/run-script.js';
import { ratio } from '../harness/targets.js';
import type { GemmTask } from '../scripts/gemm-run.js';

/** Seconds and errors by shape, as `gemm-run` prints them. */
export type Sample = Record<string, number>;

export interface InstructionSet {
  readonly isa: 'amx' | 'avx512' | 'avx2';
  /** What the libraries call it, or the best that they have in fp32. */
  readonly openblas: string;
  readonly onednn: string;
  /** Least speed of ours over theirs: in the geometric mean over the shapes, and at each. */
  readonly mean: Readonly<Record<string, number>>;
  readonly worst: number;
}

const instructionSets: readonly InstructionSet[] = [
  { isa: 'amx', openblas: 'SkylakeX', onednn: 'AVX512_CORE', mean: { openblas: 3, onednn: 2.5 }, worst: 2 },
  { isa: 'avx512', openblas: 'SkylakeX', onednn: 'AVX512_CORE', mean: { openblas: 0.95 }, worst: 0.95 },
  { isa: 'avx2', openblas: 'Haswell', onednn: 'AVX2', mean: { openblas: 0.95 }, worst: 0.95 },
];

const MOST_RELATIVE_ERROR = 5e-6;

/** Those of this processor: the best, and all below it. */
const best = instructionSets.findIndex(({ isa }) => isa === addon.isa());
export const present = best < 0 ? [] : instructionSets.slice(best);

export interface Method {
  readonly name: string;
  readonly set: InstructionSet;
  readonly threads: number;
  readonly run: () => Promise<Sample>;
}

export const gemm: Benchmark = {
  name: 'gemm',
  measures: 'C = A·B: fp16 in and out, fp32 accumulation; OpenBLAS, oneDNN: fp32. Packing included.',
  async measure({ quick, repetitions }) {
    const threadCounts = [...new Set([1, availableParallelism()])];
    const methods = present.flatMap((set) =>
      threadCounts.flatMap((threads) => methodsOf(set, threads, quick ? 1 : 15)),
    );
    const measured = await alternate<Sample>(
      'gemm',
      methods.map((method) => ({ name: label(method), run: method.run })),
      repetitions,
    );
    const figures = methods.flatMap((method) => figuresOf(method, measured.samples.get(label(method))));
    const targets = present.flatMap((set) =>
      threadCounts.flatMap((threads) =>
        targetsOf(set, threads, (name) => measured.samples.get(label({ name, set, threads }))),
      ),
    );
    const absent = instructionSets
      .filter((set) => !present.includes(set))
      .map(({ isa }) => ({ case: `mayfly ${isa}`, reason: 'not on this processor' }));
    return {
      repetitions,
      figures: [...figures, ...(await peaks(threadCounts))],
      targets,
      skipped: [...measured.skipped, ...absent],
    };
  },
};

export function methodsOf(set: InstructionSet, threads: number, samples: number): Method[] {
  const own = (precision: GemmTask['precision']) => () => {
    const task: GemmTask = { shapes: gemmShapes, precision, threads, samples };
    return runScript<Sample>('gemm-run', task, 300_000, { MAYFLY_ISA: set.isa });
  };
  const peer = (name: string, flags: readonly string[], env: Readonly<Record<string, string>>) => () =>
    runForJson<Sample>(
      compileC(`peers/${name}`, [...flags, '-lm']),
      [samples, ...gemmShapes.map(nameOf)].map(String),
      300_000,
      env,
    );
  const count = String(threads);
  return [
    { name: 'mayfly', set, threads, run: own('exact') },
    // Only the best instruction set has fast products that are not its exact ones.
    ...(set.isa === addon.isa() && addon.fastMatmul() !== 'exact'
      ? [{ name: `mayfly fast (${addon.fastMatmul()})`, set, threads, run: own('fast') }]
      : []),
    {
      ...{ name: 'openblas', set, threads },
      // Its threads stay on processors of their own, as ours do, where Debian's OpenMP package is installed.
      run: peer('openblas', ['-lopenblas'], {
        ...{ OPENBLAS_NUM_THREADS: count, OMP_NUM_THREADS: count, OMP_PROC_BIND: 'true' },
        ...{ OPENBLAS_CORETYPE: set.openblas, ...openmpBlas },
      }),
    },
    {
      ...{ name: 'onednn', set, threads },
      run: peer('onednn', ['-ldnnl'], { OMP_NUM_THREADS: count, ONEDNN_MAX_CPU_ISA: set.onednn }),
    },
  ];
}

export const label = ({ name, set, threads }: Pick<Method, 'name' | 'set' | 'threads'>): string =>
  `${name} ${set.isa} ${threads}t`;

const figure = (name: string, p50: number, unit: Figure['unit'] = 'GFLOP/s'): Figure => ({
  case: name,
  isolation: 'none',
  placement: 'scheduler',
  unit,
  p50,
});

function figuresOf(method: Method, sample: Sample | undefined): Figure[] {
  if (sample === undefined) return [];
  const rates = gemmShapes.map((shape) =>
    figure(`${label(method)} ${nameOf(shape)}`, rateOf(shape, sample[nameOf(shape)]!)),
  );
  // Errors are the same for any number of threads.
  return method.threads === 1
    ? [...rates, figure(`${label(method)} relative error, worst shape`, worstError(sample), 'rms')]
    : rates;
}

const worstError = (sample: Sample): number =>
  Math.max(...gemmShapes.map((shape) => sample[`${nameOf(shape)} error`]!));

function targetsOf(set: InstructionSet, threads: number, sampleOf: (name: string) => Sample | undefined): Target[] {
  const own = sampleOf('mayfly');
  if (own === undefined) return [];
  const on = `${set.isa}, ${threads} threads`;
  const speeds = Object.entries(set.mean).flatMap(([name, least]) => {
    const peer = sampleOf(name);
    if (peer === undefined) return [];
    const ratioOf = (shape: GemmShape) => peer[nameOf(shape)]! / own[nameOf(shape)]!;
    const worst = gemmShapes.reduce((a, b) => (ratioOf(b) < ratioOf(a) ? b : a));
    const mean = Math.exp(gemmShapes.reduce((sum, shape) => sum + Math.log(ratioOf(shape)), 0) / gemmShapes.length);
    return [
      ...ratio(`speed of mayfly / ${name}, ${on}, worst shape (${nameOf(worst)})`, ratioOf(worst), 1, '>=', set.worst),
      ...ratio(`speed of mayfly / ${name}, ${on}, geometric mean`, mean, 1, '>=', least),
    ];
  });
  const errors =
    threads === 1
      ? ratio(`relative error of mayfly, ${set.isa}, worst shape`, worstError(own), 1, '<=', MOST_RELATIVE_ERROR)
      : [];
  return [...speeds, ...errors];
}

/** What the processor's fp32 vectors can do at most; nothing where it could not be measured. */
async function peaks(threadCounts: readonly number[]): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const threads of threadCounts) {
    const machine = await measureMachine(threads).catch((): Partial<Machine> => ({}));
    for (const isa of ['avx512', 'avx2'] as const) {
      const value = machine[isa];
      if (value !== undefined) figures.push(figure(`peak ${isa} ${threads}t`, value));
    }
  }
  return figures;
}
