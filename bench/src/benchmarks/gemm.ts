import { availableParallelism } from 'node:os';
import type { GemmTask } from '../gemm-run.js';
import { alternate } from '../harness/alternate.js';
import { compileC } from '../harness/compile-c.js';
import { type Machine, measureMachine } from '../harness/machine.js';
import type { Benchmark, Figure, Target } from '../harness/report.js';
import { runForJson, runScript } from '../harness/run-script.js';
import { ratio } from '../harness/targets.js';

type Seconds = Record<string, number>;

/** m × n × k of the projections of models of width 288 and 768, and of a classifier. */
const shapes: GemmTask['shapes'] = [
  [768, 256, 768],
  [768, 512, 768],
  [2048, 256, 768],
  [768, 256, 2048],
  [2048, 512, 768],
  [768, 512, 2048],
  [288, 256, 288],
  [768, 256, 288],
  [288, 256, 768],
  [32_000, 256, 288],
];

const instructionSets = [
  { isa: 'avx512', coreType: 'SkylakeX' },
  { isa: 'avx2', coreType: 'Haswell' },
] as const;

const openblas = (coreType: string, threads: number, samples: number): Promise<Seconds> => {
  const args = [samples, ...shapes.map((shape) => shape.join(','))].map(String);
  const env = { OPENBLAS_NUM_THREADS: String(threads), OPENBLAS_CORETYPE: coreType };
  return runForJson<Seconds>(compileC('peers/openblas', ['-lopenblas']), args, 300_000, env);
};

export const gemm: Benchmark = {
  name: 'gemm',
  measures: 'C = A·B: fp16 in and out, fp32 accumulation; OpenBLAS: fp32. Packing included.',
  async measure({ quick, repetitions }) {
    const samples = quick ? 1 : 15;
    const threadCounts = [...new Set([1, availableParallelism()])];
    const cases = instructionSets.flatMap(({ isa, coreType }) =>
      threadCounts.map((threads) => ({ isa, coreType, threads })),
    );
    const measured = await alternate<Seconds>(
      'gemm',
      cases.flatMap(({ isa, coreType, threads }) => [
        {
          name: label('mayfly', isa, threads),
          run: () =>
            runScript<Seconds>('gemm-run', { shapes, type: 'fp16', threads, samples }, 300_000, { MAYFLY_ISA: isa }),
        },
        { name: label('openblas', isa, threads), run: () => openblas(coreType, threads, samples) },
      ]),
      repetitions,
    );
    const peaks = new Map<number, Machine>();
    for (const threads of threadCounts)
      await measureMachine(threads).then(
        (machine) => peaks.set(threads, machine),
        () => {},
      );
    const figures: Figure[] = cases.flatMap(({ isa, threads }) =>
      ['mayfly', 'openblas'].flatMap((who) => {
        const seconds = measured.samples.get(label(who, isa, threads)) ?? {};
        return Object.entries(seconds).map(([shape, value]) =>
          figure(`${label(who, isa, threads)} ${shape}`, rate(shape, value)),
        );
      }),
    );
    const targets: Target[] = cases.flatMap(({ isa, threads }) => {
      const own = measured.samples.get(label('mayfly', isa, threads));
      const peer = measured.samples.get(label('openblas', isa, threads));
      if (own === undefined || peer === undefined) return [];
      const ratios = Object.keys(own).map((shape) => ({ shape, value: peer[shape]! / own[shape]! }));
      const worst = ratios.reduce((a, b) => (b.value < a.value ? b : a));
      const mean = Math.exp(ratios.reduce((sum, { value }) => sum + Math.log(value), 0) / ratios.length);
      const on = `${isa}, ${threads} threads`;
      return [
        ...ratio(`speed of mayfly / OpenBLAS, ${on}, worst shape (${worst.shape})`, worst.value, 1, '>=', 0.95),
        ...ratio(`speed of mayfly / OpenBLAS, ${on}, geometric mean`, mean, 1, '>=', 0.95),
      ];
    });
    const peakFigures = [...peaks].flatMap(([threads, machine]) =>
      instructionSets.map(({ isa }) => figure(label('peak', isa, threads), machine[isa])),
    );
    return { repetitions, figures: [...figures, ...peakFigures], targets, skipped: measured.skipped };
  },
};

const label = (who: string, isa: string, threads: number): string => `${who} ${isa} ${threads}t`;

const figure = (name: string, p50: number): Figure => ({
  case: name,
  isolation: 'none',
  placement: 'scheduler',
  unit: 'GFLOP/s',
  p50,
});

function rate(shape: string, seconds: number): number {
  const [m, n, k] = shape.split('x').map(Number);
  return (2 * m! * n! * k!) / seconds / 1e9;
}
