import { availableParallelism } from 'node:os';
import { presets } from '@mayfly/core';
import type { TopLevelSpec } from 'vega-lite';
import { alternate } from '../harness/alternate.js';
import { measureMachine } from '../harness/machine.js';
import type { Benchmark, Figure } from '../harness/report.js';
import { target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { countedMs } from '../harness/step-cost.js';
import type { StepModel } from '../harness/step-models.js';
import type { StepSample, StepTask } from '../scripts/step-run.js';

/** Cost per token / what operations and bytes predict, at most, from issue 5. */
const MOST_OF_PREDICTED = 1.15;

/** What is scaled. The vocabulary is small, so that the layers are what costs. */
const base: StepModel = {
  name: 'base',
  config: { ...presets.stories15m, vocab: 4096, sequence: 2048 },
  sequence: 256,
  batch: 1,
};
const HEAD_DIM = base.config.headDim;

const wide = (dim: number): StepModel => {
  const heads = dim / HEAD_DIM;
  return { ...base, config: { ...base.config, dim, heads, kvHeads: heads, hidden: (8 * dim) / 3 } };
};

/** By what is scaled: values, and the model of each. */
const sweeps: Readonly<
  Record<string, { readonly values: readonly number[]; readonly model: (value: number) => StepModel }>
> = {
  batch: { values: [1, 2, 4, 8], model: (batch) => ({ ...base, batch }) },
  sequence: { values: [128, 256, 512, 1024], model: (sequence) => ({ ...base, sequence }) },
  layers: { values: [3, 6, 12, 24], model: (layers) => ({ ...base, config: { ...base.config, layers } }) },
  width: { values: [144, 288, 576, 1152], model: wide },
};

export const scaling: Benchmark = {
  name: 'scaling',
  measures:
    'Cost per token of a training step against batch, sequence, depth and width, from 6 layers of width 288, vocabulary 4,096, one window of 256. Predicted: the smallest value times the ratio of operations and bytes, at the speeds measured in the run.',
  async measure({ quick, repetitions }) {
    const { avx512, avx2, stream } = await measureMachine(availableParallelism());
    const speeds = { gflops: Math.max(avx512, avx2), gigabytes: stream };
    const points = Object.entries(sweeps).flatMap(([scaled, { values, model }]) =>
      (quick ? values.slice(0, 1) : values).map((value) => ({ scaled, value, model: model(value) })),
    );
    const run = (model: StepModel) =>
      runScript<StepSample>(
        'step-run',
        { model, warmup: quick ? 1 : 2, steps: quick ? 1 : 5 } satisfies StepTask,
        300_000,
      );
    const measured = await alternate<StepSample>(
      'scaling',
      points.map(({ scaled, value, model }) => ({ name: `${scaled} ${value}`, run: () => run(model) })),
      repetitions,
    );
    const rows = points.flatMap(({ scaled, value, model }) => {
      const first = points.find((point) => point.scaled === scaled)!;
      const ms = measured.samples.get(`${scaled} ${value}`)?.p50;
      const firstMs = measured.samples.get(`${scaled} ${first.value}`)?.p50;
      if (ms === undefined || firstMs === undefined) return [];
      const usPerToken = 1000 / (model.batch * model.sequence);
      const predicted = (firstMs * countedMs(model, speeds)) / countedMs(first.model, speeds);
      return [{ scaled, value, measured: ms * usPerToken, predicted: predicted * usPerToken }];
    });
    const figures = rows.flatMap(({ scaled, value, measured, predicted }): Figure[] => [
      figure(`${scaled} ${value}, per token`, measured),
      figure(`${scaled} ${value}, per token, predicted`, predicted),
    ]);
    const targets = rows.map(({ scaled, value, measured, predicted }) =>
      target(`${scaled} ${value}: measured / predicted`, measured / predicted, '<=', MOST_OF_PREDICTED),
    );
    return { repetitions, figures, targets, skipped: measured.skipped, plot: plotOf(rows) };
  },
};

const figure = (name: string, p50: number): Figure => ({
  ...{ case: name, isolation: 'none', placement: 'scheduler' },
  ...{ unit: 'us', p50 },
});

type Row = Readonly<Record<'value' | 'measured' | 'predicted', number>> & { readonly scaled: string };

/** A panel for each thing that is scaled; both axes logarithmic. */
function plotOf(rows: readonly Row[]): TopLevelSpec {
  const values = rows.flatMap(({ scaled, value, measured, predicted }) => [
    { scaled, value, cost: measured, which: 'measured' },
    { scaled, value, cost: predicted, which: 'predicted from operations and bytes' },
  ]);
  const panel = (scaled: string, index: number) => ({
    title: scaled,
    width: 170,
    height: 220,
    transform: [{ filter: `datum.scaled === '${scaled}'` }],
    mark: { type: 'line' as const, point: true },
    encoding: {
      x: {
        field: 'value',
        type: 'quantitative' as const,
        title: null,
        scale: { type: 'log' as const, nice: false },
        axis: { values: sweeps[scaled]!.values as number[], grid: false },
      },
      y: {
        field: 'cost',
        type: 'quantitative' as const,
        title: index === 0 ? 'microseconds per token' : null,
        scale: { type: 'log' as const },
      },
      color: {
        field: 'which',
        type: 'nominal' as const,
        title: null,
        legend: { orient: 'bottom' as const, labelLimit: 0 },
      },
      strokeDash: { field: 'which', type: 'nominal' as const, title: null },
    },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    background: 'white',
    data: { values },
    hconcat: Object.keys(sweeps).map(panel),
    resolve: { scale: { y: 'shared' } },
  };
}
