import { availableParallelism } from 'node:os';
import { alternate } from '../harness/alternate.js';
import { gemmShapes, nameOf } from '../harness/gemm-shapes.js';
import type { Benchmark, Figure, Target } from '../harness/report.js';
import { type StepModel, stepGflop, stepModels } from '../harness/step-models.js';
import { ratio } from '../harness/targets.js';
import { label, methodsOf, present, type Sample } from './gemm.js';
import { mayfly, pytorch, type Task } from './step.js';

type Times = Record<string, number>;

/** Ours / PyTorch's milliseconds at most: exact beside fp32, fast beside bf16. */
const most: readonly (readonly [number, number])[] = [
  [0.62, 0.55],
  [0.75, 0.68],
  [0.7, 0.66],
];
/** Of 32,000 classes, those of a data set of children's stories. */
const CLASSES = 9205;

/** The aims of a step on this machine in one table: some ten minutes for two repetitions. */
export const speed: Benchmark = {
  name: 'speed',
  measures:
    'Steps of training beside PyTorch, a vocabulary of some classes, AVX-512 beside AVX2, and GEMM beside OpenBLAS.',
  async measure({ quick, repetitions }) {
    const found = {
      figures: [] as Figure[],
      targets: [] as Target[],
      skipped: [] as { case: string; reason: string }[],
    };
    const compare = async (title: string, runs: Readonly<Record<string, () => Promise<Times>>>) => {
      const alternatives = Object.entries(runs).map(([name, run]) => ({ name, run }));
      const { samples, skipped } = await alternate<Times>(title, alternatives, repetitions);
      found.skipped.push(...skipped.map((skip) => ({ ...skip, case: `${title}: ${skip.case}` })));
      const times = Object.fromEntries([...samples].map(([name, { p50 }]) => [name, p50]));
      for (const [name, p50] of Object.entries(times)) found.figures.push(milliseconds(`${title}: ${name}`, p50!));
      return times;
    };
    const aim = (title: string, value: number | undefined, base: number | undefined, limit: number) =>
      found.targets.push(...ratio(title, value, base, '<=', limit));
    const threads = availableParallelism();
    for (const [index, model] of stepModels.entries()) {
      if (quick && index !== 1) continue;
      const task = taskOf(model, quick);
      const times = await compare(model.name, {
        exact: () => mayfly(model, {}, task),
        fast: () => mayfly(model, {}, { ...task, precision: 'fast' }),
        'pytorch fp32': () => pytorch(model, false, threads, task),
        'pytorch bf16': () => pytorch(model, true, threads, task),
      });
      const [exact, fast] = most[index]!;
      aim(`${model.name}: exact / pytorch fp32`, times.exact, times['pytorch fp32'], exact);
      aim(`${model.name}: fast / pytorch bf16`, times.fast, times['pytorch bf16'], fast);
    }
    if (!quick) {
      const model = stepModels[0]!;
      const task = taskOf(model, quick);
      const few = { ...task, classes: CLASSES };
      const small = { ...model, config: { ...model.config, vocab: CLASSES } };
      const title = `${model.name}, ${CLASSES} classes`;
      const times = await compare(title, {
        'full vocabulary': () => mayfly(model, {}, few),
        compact: () => mayfly(model, {}, { ...few, compact: true }),
        'compact fast': () => mayfly(model, {}, { ...few, compact: true, precision: 'fast' }),
        'pytorch fp32': () => pytorch(small, false, threads, task),
        'pytorch bf16': () => pytorch(small, true, threads, task),
      });
      aim(`${title}: compact / full vocabulary`, times.compact, times['full vocabulary'], 0.65);
      aim(`${title}: exact / pytorch fp32`, times.compact, times['pytorch fp32'], 0.65);
      aim(`${title}: fast / pytorch bf16`, times['compact fast'], times['pytorch bf16'], 0.6);
      const vectors = Object.fromEntries(
        present.map(({ isa }) => [isa, () => mayfly(model, { MAYFLY_ISA: isa }, task)] as const),
      );
      const byVector = await compare(`${model.name} by instruction set`, vectors);
      aim(`${model.name}: avx512 / avx2`, byVector.avx512, byVector.avx2, 1);
    }
    found.targets.push(...(await productTargets(threads, quick, repetitions)));
    return { repetitions, ...found };
  },
};

const taskOf = (model: StepModel, quick: boolean): Task =>
  quick ? { warmup: 1, steps: 1 } : { warmup: 2, steps: stepGflop(model) > 100 ? 4 : 9 };

const milliseconds = (name: string, p50: number): Figure => ({
  ...{ case: name, isolation: 'none', placement: 'scheduler', unit: 'ms' },
  p50,
});

/** Products with all processors: the shape in which OpenBLAS comes closest. */
async function productTargets(threads: number, quick: boolean, repetitions: number): Promise<Target[]> {
  const methods = present.flatMap((set) =>
    methodsOf(set, threads, quick ? 1 : 41).filter(({ name }) => name === 'mayfly' || name === 'openblas'),
  );
  const { samples } = await alternate<Sample>(
    `gemm, ${threads} threads`,
    methods.map((method) => ({ name: label(method), run: method.run })),
    repetitions,
  );
  return present.flatMap((set) => {
    const own = samples.get(label({ name: 'mayfly', set, threads }));
    const peer = samples.get(label({ name: 'openblas', set, threads }));
    if (own === undefined || peer === undefined) return [];
    return gemmShapes
      .map((shape) => ({ name: nameOf(shape), value: peer[nameOf(shape)]! / own[nameOf(shape)]! }))
      .sort((a, b) => a.value - b.value)
      .slice(0, 3)
      .flatMap(({ name, value }) =>
        ratio(`gemm ${name}, ${set.isa}, ${threads} threads: speed of mayfly / openblas`, value, 1, '>=', 0.95),
      );
  });
}
