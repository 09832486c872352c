import type { StepColumn } from '@mayfly/core/watch';
import { useMemo, useRef } from 'preact/hooks';
import { formatCount, formatFigure } from './format.js';
import type { ShownRun } from './run-store.js';
import { smooth } from './series.js';
import { type Axis, xOf } from './step-axis.js';

/** A column of a run, as it is drawn. */
export interface Curve {
  readonly x: Float64Array;
  readonly raw: Float64Array;
  readonly smoothed: Float64Array | null;
  readonly evaluations: [number[], number[]];
  /** Rows to mark: losses that are no numbers, and on the chart of the loss scale skipped steps. */
  readonly marks: readonly number[];
  /** In words. */
  readonly told: string;
}

/** The curves of a column, kept per run until its steps change. */
export function useCurves(
  column: StepColumn,
  runs: readonly ShownRun[],
  axis: Axis,
  smoothing: number,
): readonly Curve[] {
  const kept = useRef(new Map<string, { readonly of: readonly unknown[]; readonly curve: Curve }>());
  return useMemo(
    () =>
      runs.map(({ detail, steps }) => {
        const of = [steps, axis, smoothing, detail.evaluations];
        const known = kept.current.get(detail.id);
        if (known?.of.every((value, index) => value === of[index])) return known.curve;
        const x = xOf(steps.columns, detail.started, axis);
        const raw = steps.columns[column];
        const curve = {
          ...{ x, raw, smoothed: smoothing > 0 ? smooth(raw, smoothing) : null },
          evaluations: evaluationsOf(detail, axis),
          marks: marksOf(column, steps.columns),
          told: told(steps.columns.step, raw),
        };
        kept.current.set(detail.id, { of, curve });
        return curve;
      }),
    [column, runs, axis, smoothing],
  );
}

function evaluationsOf({ evaluations, started }: ShownRun['detail'], axis: Axis): [number[], number[]] {
  const points = evaluations.map(({ step, time, cross_entropy }) => [
    axis === 'step' ? Number(step) : (Date.parse(String(time)) - (started ?? 0)) / 1000,
    Number(cross_entropy),
  ]);
  return [points.map(([x]) => x!), points.map(([, y]) => y!)];
}

function marksOf(column: StepColumn, columns: ShownRun['steps']['columns']): number[] {
  if (column === 'loss') return rowsWhere(columns.loss, Number.isNaN);
  return column === 'loss_scale' ? rowsWhere(columns.skipped, (skipped) => skipped === 1) : [];
}

function rowsWhere(values: Float64Array, isIt: (value: number) => boolean): number[] {
  const rows: number[] = [];
  for (let row = 0; row < values.length; row++) if (isIt(values[row]!)) rows.push(row);
  return rows;
}

/** A curve in words: `60 steps, from 4.99 at step 1 to 4.4 at step 60, lowest 4.4 at step 60, highest 4.99 at step 1`. */
function told(steps: Float64Array, values: Float64Array): string {
  let [first, last, lowest, highest, count] = [-1, -1, -1, -1, 0];
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!;
    if (Number.isNaN(value)) continue;
    count += 1;
    if (first < 0) first = row;
    last = row;
    if (lowest < 0 || value < values[lowest]!) lowest = row;
    if (highest < 0 || value > values[highest]!) highest = row;
  }
  const at = (row: number) => `${formatFigure(values[row]!)} at step ${formatCount(steps[row]!)}`;
  const missing = count < values.length ? `, ${formatCount(values.length - count)} without a number` : '';
  if (count === 0) return `no value yet${missing}`;
  return `${formatCount(values.length)} steps${missing}, from ${at(first)} to ${at(last)}, lowest ${at(lowest)}, highest ${at(highest)}`;
}
