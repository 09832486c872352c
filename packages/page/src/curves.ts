import type { StepColumn } from '@mayfly/core/watch';
import { useMemo, useRef } from 'preact/hooks';
import { formatCount, formatFigure } from './format.js';
import type { ShownRun } from './run-store.js';
import { type Smoothed, smooth } from './series.js';
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
  const kept = useRef(new Map<string, Kept>());
  return useMemo(
    () =>
      runs.map(({ detail, steps }) => {
        const of = [steps, axis, smoothing, detail.evaluations];
        const known = kept.current.get(detail.id);
        if (known?.of.every((value, index) => value === of[index])) return known.curve;
        const x = xOf(steps.columns, detail.started, axis);
        const raw = steps.columns[column];
        const survey = surveyOf(column, steps, known?.survey);
        const goesOn = known?.smoothing === smoothing && known.survey.rewinds === steps.rewinds;
        const smoothed = smoothing > 0 ? smooth(raw, smoothing, goesOn ? known.smoothed : null) : null;
        const curve = {
          ...{ x, raw, smoothed: smoothed?.values ?? null },
          evaluations: evaluationsOf(detail, axis),
          ...{ marks: survey.marks, told: told(survey, steps.columns.step, raw) },
        };
        kept.current.set(detail.id, { of, curve, survey, smoothing, smoothed });
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

interface Kept {
  readonly of: readonly unknown[];
  readonly curve: Curve;
  readonly survey: Survey;
  readonly smoothing: number;
  readonly smoothed: Smoothed | null;
}

/** Rows of a column that its words and marks are made of; -1 where there is none. */
interface Survey {
  readonly rewinds: number;
  readonly rows: number;
  /** Of rows with a number. */
  readonly count: number;
  readonly first: number;
  readonly last: number;
  readonly lowest: number;
  readonly highest: number;
  readonly marks: readonly number[];
}

/** Goes on from an earlier survey of the same rows: a long run gains a few at a time. */
function surveyOf(column: StepColumn, { rewinds, rows, columns }: ShownRun['steps'], known?: Survey): Survey {
  const goesOn = known !== undefined && known.rewinds === rewinds && known.rows <= rows;
  let { count, first, last, lowest, highest } = goesOn ? known : none;
  const marks = goesOn ? [...known.marks] : [];
  const values = columns[column];
  const isMarked = (row: number) =>
    column === 'loss' ? Number.isNaN(values[row]!) : column === 'loss_scale' && columns.skipped[row] === 1;
  for (let row = goesOn ? known.rows : 0; row < rows; row++) {
    if (isMarked(row)) marks.push(row);
    const value = values[row]!;
    if (Number.isNaN(value)) continue;
    count += 1;
    if (first < 0) first = row;
    last = row;
    if (lowest < 0 || value < values[lowest]!) lowest = row;
    if (highest < 0 || value > values[highest]!) highest = row;
  }
  return { rewinds, rows, count, first, last, lowest, highest, marks };
}

const none = { count: 0, first: -1, last: -1, lowest: -1, highest: -1 };

/** A curve in words: `60 steps, from 4.99 at step 1 to 4.4 at step 60, lowest 4.4 at step 60, highest 4.99 at step 1`. */
function told(
  { rows, count, first, last, lowest, highest }: Survey,
  steps: Float64Array,
  values: Float64Array,
): string {
  const at = (row: number) => `${formatFigure(values[row]!)} at step ${formatCount(steps[row]!)}`;
  const missing = count < rows ? `, ${formatCount(rows - count)} without a number` : '';
  if (count === 0) return `no value yet${missing}`;
  return `${formatCount(rows)} steps${missing}, from ${at(first)} to ${at(last)}, lowest ${at(lowest)}, highest ${at(highest)}`;
}
