import { availableParallelism } from 'node:os';
import { AimTable } from '../harness/aim-table.js';
import { gemmShapes, nameOf } from '../harness/gemm-shapes.js';
import type { Benchmark } from '../harness/report.js';
import { stepModels, taskOf } from '../harness/step-models.js';
import { measureCompactCases } from './compact.js';
import { label, methodsOf, present, type Sample } from './gemm.js';
import { mayfly, pytorch } from './step.js';

/** Ours / PyTorch's milliseconds at most: exact beside fp32, fast beside bf16. */
const most: readonly (readonly [number, number])[] = [
  [0.62, 0.55],
  [0.75, 0.68],
  [0.7, 0.66],
];
/** Ours / OpenBLAS' speed at least, in the shape in which OpenBLAS comes closest. */
const LEAST_OF_OPENBLAS = 0.95;

/** The aims of a step on one machine in one table: less than ten minutes for one repetition. */
export const speed: Benchmark = {
  name: 'speed',
  measures:
    'Steps of training beside PyTorch, a vocabulary of some classes, AVX-512 beside AVX2, and GEMM beside OpenBLAS.',
  async measure({ quick, repetitions }) {
    const table = new AimTable(repetitions);
    const threads = availableParallelism();
    for (const [index, model] of stepModels.entries()) {
      if (quick && index !== 1) continue;
      const task = taskOf(model, quick);
      const times = await table.time(model.name, {
        exact: () => mayfly(model, {}, task),
        fast: () => mayfly(model, {}, { ...task, precision: 'fast' }),
        'pytorch fp32': () => pytorch(model, false, threads, task),
        'pytorch bf16': () => pytorch(model, true, threads, task),
      });
      const [exact, fast] = most[index]!;
      table.aim(`${model.name}: exact / pytorch fp32`, times.exact, times['pytorch fp32'], '<=', exact);
      table.aim(`${model.name}: fast / pytorch bf16`, times.fast, times['pytorch bf16'], '<=', fast);
    }
    if (!quick) {
      await measureCompactCases(table);
      const model = stepModels[0]!;
      const byVector = await table.time(
        `${model.name} by instruction set`,
        Object.fromEntries(
          present.map(({ isa }) => [isa, () => mayfly(model, { MAYFLY_ISA: isa }, taskOf(model, quick))] as const),
        ),
      );
      table.aim(`${model.name}: avx512 / avx2`, byVector.avx512, byVector.avx2, '<=', 1);
    }
    await measureProducts(table, threads, quick);
    return table.findings;
  },
};

/** Products with all processors: of each instruction set the three shapes in which OpenBLAS comes closest. */
async function measureProducts(table: AimTable, threads: number, quick: boolean): Promise<void> {
  const methods = present.flatMap((set) =>
    methodsOf(set, threads, quick ? 1 : 41).filter(({ name }) => name === 'mayfly' || name === 'openblas'),
  );
  const samples = await table.run<Sample>(
    `gemm, ${threads} threads`,
    Object.fromEntries(methods.map((method) => [label(method), method.run])),
  );
  for (const set of present) {
    const own = samples.get(label({ name: 'mayfly', set, threads }));
    const peer = samples.get(label({ name: 'openblas', set, threads }));
    if (own === undefined || peer === undefined) continue;
    const closest = gemmShapes
      .map((shape) => ({ name: nameOf(shape), value: peer[nameOf(shape)]! / own[nameOf(shape)]! }))
      .sort((a, b) => a.value - b.value)
      .slice(0, 3);
    for (const { name, value } of closest) {
      const text = `gemm ${name}, ${set.isa}, ${threads} threads: speed of mayfly / openblas`;
      table.aim(text, value, 1, '>=', LEAST_OF_OPENBLAS);
    }
  }
}
