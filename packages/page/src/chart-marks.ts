import type uPlot from 'uplot';
import type { Curve } from './curves.js';
import type { ShownRun } from './run-store.js';
import { lowerBound } from './series.js';
import type { Axis } from './step-axis.js';
import { colorOf, type Theme } from './theme.js';

/** More lines of resumes than these have no names. */
const MOST_NAMED = 4;

/** Where resumed processes of the runs took over, on the horizontal axis, each with the run's place. */
export interface Resumes {
  at: readonly (readonly [x: number, index: number])[];
}

export function resumesOf({ detail, steps }: ShownRun, axis: Axis, index: number): [number, number][] {
  return detail.sessions.slice(1).flatMap((time) => {
    if (axis === 'time') return [[(time - (detail.started ?? 0)) / 1000, index]];
    const row = lowerBound(steps.columns.time, time);
    return row === 0 || row === steps.rows ? [] : [[steps.columns.step[row]!, index]];
  });
}

export function drawResumes({ ctx, bbox, scales, valToPos }: uPlot, { at }: Resumes, theme: Theme): void {
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'top';
  ctx.setLineDash([4 * ratio, 4 * ratio]);
  ctx.lineWidth = ratio;
  for (const [value, index] of at) {
    if (value < scales.x!.min! || value > scales.x!.max!) continue;
    const x = valToPos(value, 'x', true);
    ctx.strokeStyle = ctx.fillStyle = at.some((each) => each[1] !== index) ? colorOf(theme, index) : theme.faint;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const width = ctx.measureText('resumed').width + 5 * ratio;
    const isAtEdge = x + width > bbox.left + bbox.width;
    if (at.length <= MOST_NAMED) ctx.fillText('resumed', isAtEdge ? x - width : x + 5 * ratio, bbox.top + 2 * ratio);
  }
  ctx.restore();
}

/** The curves whose marks are drawn. */
export interface Marked {
  curves: readonly Curve[];
}

/** Lines at the bottom for the marked rows of curves, at most one for each pixel column. */
export function drawMarks({ ctx, bbox, scales, valToPos }: uPlot, { curves }: Marked, theme: Theme): void {
  const ratio = devicePixelRatio;
  const [least, most] = [scales.x!.min!, scales.x!.max!];
  ctx.fillStyle = theme.bad;
  for (const { x, marks } of curves) {
    let drawn = Number.NEGATIVE_INFINITY;
    for (const row of marks) {
      const value = x[row]!;
      if (value < least || value > most) continue;
      const at = Math.round(valToPos(value, 'x', true));
      if (at <= drawn) continue;
      drawn = at;
      ctx.fillRect(at - ratio, bbox.top + bbox.height - 8 * ratio, 2 * ratio, 8 * ratio);
    }
  }
}
