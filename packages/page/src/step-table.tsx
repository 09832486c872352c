import { useState } from 'preact/hooks';
import { formatCount, formatDuration, formatFigure } from './format.js';
import type { Range } from './plot.js';
import type { ShownRun } from './run-store.js';
import { Scroll } from './scroll.js';
import { type Axis, xOf } from './step-axis.js';

export interface StepTableProps {
  readonly runs: readonly ShownRun[];
  readonly axis: Axis;
  readonly range: Range;
}

/** Rows of a run at most. */
const MOST = 50;

const columns = [
  ['loss', 'loss'],
  ['grad_norm', 'gradient norm'],
  ['lr', 'learning rate'],
  ['tokens_per_second', 'tokens/s'],
  ['loss_scale', 'loss scale'],
] as const;

/** The numbers behind the curves: steps of the shown range, evenly apart. */
export function StepTable(props: StepTableProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <section class="panel" data-panel="steps" aria-label="Steps">
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>The steps above as a table</summary>
        {isOpen && <Rows {...props} />}
      </details>
    </section>
  );
}

function Rows({ runs, axis, range }: StepTableProps) {
  const rows = runs.flatMap((run) => rowsOf(run, axis, range).map((row) => [run, row] as const));
  return (
    <Scroll label="Table of steps">
      <table>
        <thead>
          <tr>
            {runs.length > 1 && <th>run</th>}
            <th>step</th>
            <th>after</th>
            {columns.map(([name, title]) => (
              <th key={name}>{title}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([{ detail, steps }, row]) => (
            <tr key={`${detail.id}.${row}`} class={steps.columns.skipped[row] === 1 ? 'bad' : ''}>
              {runs.length > 1 && <td>{detail.name}</td>}
              <td>{formatCount(steps.columns.step[row]!)}</td>
              <td>{formatDuration(Math.max(0, steps.columns.time[row]! - (detail.started ?? 0)))}</td>
              {columns.map(([name]) => (
                <td key={name}>{textOf(steps.columns[name][row]!)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const textOf = (value: number): string => (Number.isNaN(value) ? 'no number' : formatFigure(value));

/** The first and the last row of the range, and others evenly between them. */
function rowsOf({ detail, steps }: ShownRun, axis: Axis, range: Range): number[] {
  const x = xOf(steps.columns, detail.started, axis);
  const inRange: number[] = [];
  for (let row = 0; row < steps.rows; row++) {
    if (range === null || (x[row]! >= range[0] && x[row]! <= range[1])) inRange.push(row);
  }
  const count = Math.min(MOST, inRange.length);
  return Array.from({ length: count }, (_, index) =>
    count === 1 ? inRange[0]! : inRange[Math.round((index * (inRange.length - 1)) / (count - 1))]!,
  );
}
