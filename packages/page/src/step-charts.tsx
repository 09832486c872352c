import type { StepColumn } from '@mayfly/core/watch';
import { useMemo, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { drawMarks, drawResumes, type Marked, type Resumes, resumesOf } from './chart-marks.js';
import { useCurves } from './curves.js';
import { formatFigure, formatTick } from './format.js';
import { isolated, legendLook, Plot, type Range } from './plot.js';
import type { ShownRun } from './run-store.js';
import { rowsIn, thin } from './series.js';
import { type Axis, formatX, xIncrements } from './step-axis.js';
import { colorOf, dashOf, type Theme } from './theme.js';

export interface StepChartsProps {
  /** What is drawn, a chart for each. */
  readonly columns: readonly StepColumn[];
  readonly runs: readonly ShownRun[];
  readonly axis: Axis;
  /** Weight of the past in the smoothed curves, from 0 to below 1. */
  readonly smoothing: number;
  readonly range: Range;
  readonly onRange: (range: Range) => void;
  readonly theme: Theme;
}

interface ChartKind {
  readonly column: StepColumn;
  readonly title: string;
  readonly unit: string;
  readonly isSmoothed: boolean;
  /** What the marks at the bottom mean. */
  readonly marks?: string;
  /** Base of the vertical axis, where it is logarithmic. */
  readonly logarithm?: 2 | 10;
  readonly isTall?: boolean;
}

const kinds: readonly ChartKind[] = [
  { column: 'loss', title: 'Loss', unit: 'nats per token', isSmoothed: true, marks: 'no number', isTall: true },
  { column: 'grad_norm', title: 'Gradient norm', unit: '', isSmoothed: true, logarithm: 10 },
  { column: 'tokens_per_second', title: 'Speed', unit: 'tokens per second', isSmoothed: true },
  { column: 'lr', title: 'Learning rate', unit: '', isSmoothed: false },
  { column: 'loss_scale', title: 'Loss scale', unit: '', isSmoothed: false, marks: 'skipped steps', logarithm: 2 },
];

/** The curves of the shown runs, laid over each other. All have the same range of x. */
export function StepCharts(props: StepChartsProps) {
  const whole = useMemo(() => wholeOf(props.runs, props.axis), [props.runs, props.axis]);
  const shown = props.range ?? whole;
  return (
    <div class="charts">
      {kinds
        .filter(({ column }) => props.columns.includes(column))
        .map((kind) => (
          <StepChart key={kind.column} kind={kind} whole={whole} shown={shown} {...props} />
        ))}
    </div>
  );
}

interface StepChartProps extends StepChartsProps {
  readonly kind: ChartKind;
  readonly whole: readonly [number, number];
  readonly shown: readonly [number, number];
}

function StepChart({ kind, runs, axis, smoothing, whole, shown, onRange, theme }: StepChartProps) {
  const [width, setWidth] = useState(600);
  const curves = useCurves(kind.column, runs, axis, kind.isSmoothed ? smoothing : 0);
  const validated = curves.map(({ evaluations: [x] }) => (kind.column === 'loss' && x.length > 0 ? '1' : '0')).join('');
  const data = useMemo(() => {
    const tables = curves.flatMap(({ x, raw, smoothed, evaluations }, index) => {
      const rows = rowsIn(x, ...shown);
      const columns = Math.max(50, Math.floor(width));
      return [
        ...(smoothed === null ? [] : [thin(x, smoothed, rows, columns)]),
        thin(x, raw, rows, columns),
        ...(validated[index] === '1' ? [evaluations] : []),
      ];
    });
    return (tables.length === 0 ? [[]] : uPlot.join(tables.map(([x, y]) => [x, y]))) as uPlot.AlignedData;
  }, [curves, shown[0], shown[1], width, validated]);
  // The drawing hook reads these, so that a chart is not made anew with every step.
  const [resumes] = useState<Resumes>({ at: [] });
  resumes.at = useMemo(() => runs.flatMap((run, index) => resumesOf(run, axis, index)), [runs, axis]);
  const [marked] = useState<Marked>({ curves });
  marked.curves = curves;
  const hasMarks = curves.some(({ marks }) => marks.length > 0);
  const notes = [kind.unit, hasMarks ? `marks at the bottom: ${kind.marks}` : ''].filter((note) => note !== '');
  const names = runs.map(({ detail }) => detail.name).join('\n');
  const hasSmoothed = kind.isSmoothed && smoothing > 0;
  const options = useMemo(
    () =>
      optionsOf(kind, {
        axis,
        names: names === '' ? [] : names.split('\n'),
        hasSmoothed,
        validated,
        theme,
        resumes,
        marked,
      }),
    [kind, axis, names, hasSmoothed, validated, theme],
  );
  return (
    <figure class={kind.isTall ? 'chart tall' : 'chart'} data-chart={kind.column}>
      <figcaption>
        {kind.title} {notes.length > 0 && <small>{notes.join('; ')}</small>}
      </figcaption>
      <Plot
        {...{ options, data, shown, whole, onRange }}
        label={`${kind.title} of ${runs.length === 1 ? runs[0]!.detail.name : `${runs.length} runs`}`}
        summary={runs.map(({ detail: { name } }, index) => `${name}: ${curves[index]!.told}.`).join(' ')}
        height={kind.isTall ? 300 : 200}
        onWidth={setWidth}
      />
    </figure>
  );
}

function wholeOf(runs: readonly ShownRun[], axis: Axis): readonly [number, number] {
  const ends = runs.flatMap(({ detail, steps: { columns, rows } }) => {
    if (rows === 0) return [];
    if (axis === 'step') return [columns.step[0]!, columns.step[rows - 1]!];
    return [columns.time[0]!, columns.time[rows - 1]!].map((time) => (time - (detail.started ?? 0)) / 1000);
  });
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  if (ends.length === 0) return [0, 1];
  return least === most ? [Math.max(0, least - 1), most + 1] : [least, most];
}

interface Look {
  readonly axis: Axis;
  readonly names: readonly string[];
  readonly hasSmoothed: boolean;
  /** For each run whether it has a curve on validation data, as 0 or 1. */
  readonly validated: string;
  readonly theme: Theme;
  readonly resumes: Resumes;
  readonly marked: Marked;
}

function optionsOf(
  kind: ChartKind,
  { axis, names, hasSmoothed, validated, theme, resumes, marked }: Look,
): Omit<uPlot.Options, 'width' | 'height'> {
  const value: uPlot.Series.Value = (_: uPlot, shown: number | null, __: number, at: number | null) =>
    typeof shown === 'number' ? formatFigure(shown) : at === null ? '' : 'no number';
  const series = names.flatMap((name, index): uPlot.Series[] => {
    const stroke = colorOf(theme, index);
    const label = names.length === 1 ? '' : name;
    const points = { show: false, filter: isolated, size: 5, stroke, fill: stroke };
    const dash = dashOf(theme, index);
    const line = { points, value, ...(dash === undefined ? {} : { dash }) };
    return [
      ...(hasSmoothed ? [{ ...line, stroke, width: 2, label: `${label} smoothed`.trim() }] : []),
      hasSmoothed
        ? {
            ...line,
            stroke: `color-mix(in srgb, ${stroke} 45%, transparent)`,
            width: 1,
            label: `${label} each step`.trim(),
          }
        : { ...line, stroke, width: 1.5, label: label || kind.title.toLowerCase() },
      ...(validated[index] === '1'
        ? [
            {
              value,
              stroke,
              spanGaps: true,
              width: 1,
              dash: [2, 3],
              label: `${label} validation`.trim(),
              points: { show: true, size: 7, fill: theme.surface, stroke },
            },
          ]
        : []),
    ];
  });
  const axisLook = {
    stroke: theme.faint,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { stroke: theme.grid, width: 1 },
    font: '12px system-ui, sans-serif',
  };
  return {
    padding: [8, 24, 0, 0],
    cursor: { sync: { key: `steps by ${axis}` }, points: { size: 6 } },
    scales: {
      x: { time: false, auto: false },
      y: kind.logarithm === undefined ? {} : { distr: 3, log: kind.logarithm },
    },
    legend: legendLook,
    hooks: {
      drawAxes: [(self) => drawMarks(self, marked, theme), (self) => drawResumes(self, resumes, theme)],
    },
    axes: [
      {
        ...axisLook,
        size: 34,
        incrs: xIncrements[axis],
        values: (_, ticks) => ticks.map((tick) => formatX(tick, axis)),
      },
      { ...axisLook, size: 58, values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : formatTick(tick))) },
    ],
    series: [{ label: axis, value: (_, x) => (x === null ? '' : formatX(x, axis)) }, ...series],
  };
}
