import { availableParallelism } from 'node:os';
import { AimTable } from '../harness/aim-table.js';
import type { Benchmark } from '../harness/report.js';
import { type StepModel, stepModels, taskOf } from '../harness/step-models.js';
import { mayfly, pytorch } from './step.js';

interface CompactCase {
  readonly model: StepModel;
  /** Of 32,000 classes, those of a data set of children's stories. */
  readonly classes: number;
  /** Ours / ours with the full vocabulary at most. */
  readonly mostOfFull: number;
  /** Ours / PyTorch with the same classes at most, exact beside fp32 and fast beside bf16. */
  readonly mostOfPytorch?: readonly [exact: number, fast: number];
}

const [stories15m, , stories110m] = stepModels as readonly [StepModel, StepModel, StepModel];

/** 1 MB and some 15 MB of text. */
const cases: readonly CompactCase[] = [
  { model: stories15m, classes: 4446, mostOfFull: 0.65, mostOfPytorch: [0.65, 0.6] },
  { model: stories15m, classes: 9205, mostOfFull: 0.65, mostOfPytorch: [0.65, 0.6] },
  { model: stories110m, classes: 9205, mostOfFull: 0.86 },
];

export const compact: Benchmark = {
  name: 'compact',
  measures:
    'A step of training with the classes that data hold instead of the full vocabulary of 32,000. PyTorch: a model of that vocabulary.',
  async measure({ quick, repetitions }) {
    const table = new AimTable(repetitions);
    for (const each of quick ? cases.slice(0, 1) : cases) await measureCompact(table, each, quick);
    return table.findings;
  },
};

/** Adds the rows of all cases to a table. */
export async function measureCompactCases(table: AimTable): Promise<void> {
  for (const each of cases) await measureCompact(table, each, false);
}

async function measureCompact(table: AimTable, each: CompactCase, quick: boolean): Promise<void> {
  const { model, classes, mostOfFull, mostOfPytorch } = each;
  const task = taskOf(model, quick);
  const few = { ...task, classes };
  const small = { ...model, config: { ...model.config, vocab: classes } };
  const threads = availableParallelism();
  const title = `${model.name}, ${classes} classes`;
  const times = await table.time(title, {
    'full vocabulary': () => mayfly(model, {}, few),
    compact: () => mayfly(model, {}, { ...few, compact: true }),
    ...(mostOfPytorch && {
      'compact fast': () => mayfly(model, {}, { ...few, compact: true, precision: 'fast' }),
      'pytorch fp32': () => pytorch(small, false, threads, task),
      'pytorch bf16': () => pytorch(small, true, threads, task),
    }),
  });
  table.aim(`${title}: compact / full vocabulary`, times.compact, times['full vocabulary'], '<=', mostOfFull);
  if (mostOfPytorch === undefined) return;
  const [exact, fast] = mostOfPytorch;
  table.aim(`${title}: exact / pytorch fp32`, times.compact, times['pytorch fp32'], '<=', exact);
  table.aim(`${title}: fast / pytorch bf16`, times['compact fast'], times['pytorch bf16'], '<=', fast);
}
