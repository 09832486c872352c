import type { StepColumn } from '@mayfly/core/watch';
import { useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { formatFigure, formatTick } from './format.js';
import { legendLook, Plot, type Range } from './plot.js';
import type { ShownRun } from './run-store.js';
import { lowerBound, type Rows, rowsIn, smooth, thin } from './series.js';
import { colorOf, type Theme } from './theme.js';

/** What steps are counted by on the horizontal axis: their number, or the time since the run's first start. */
export type Axis = 'step' | 'time';

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

/** More lines of resumes than these have no names. */
const MOST_NAMED = 4;

interface ChartKind {
  readonly column: StepColumn;
  readonly title: string;
  readonly unit: string;
  readonly isSmoothed: boolean;
  /** Base of the vertical axis, where it is logarithmic. */
  readonly logarithm?: 2 | 10;
  readonly isTall?: boolean;
}

const kinds: readonly ChartKind[] = [
  { column: 'loss', title: 'Loss', unit: 'nats per token', isSmoothed: true, isTall: true },
  { column: 'grad_norm', title: 'Gradient norm', unit: '', isSmoothed: true, logarithm: 10 },
  { column: 'tokens_per_second', title: 'Speed', unit: 'tokens per second', isSmoothed: true },
  { column: 'lr', title: 'Learning rate', unit: '', isSmoothed: false },
  { column: 'loss_scale', title: 'Loss scale', unit: 'skipped steps marked', isSmoothed: false, logarithm: 2 },
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
  const validated = kind.column === 'loss' && runs.some(({ detail }) => detail.evaluations.length > 0);
  const marked = kind.column === 'loss_scale';
  const curves = useCurves(kind.column, runs, axis, kind.isSmoothed ? smoothing : 0);
  const data = useMemo(() => {
    const tables = curves.flatMap(({ x, raw, smoothed, evaluations, skips }) => {
      const rows = rowsIn(x, ...shown);
      const columns = Math.max(50, Math.floor(width));
      return [
        ...(smoothed === null ? [] : [thin(x, smoothed, rows, columns)]),
        thin(x, raw, rows, columns),
        ...(validated ? [evaluations] : []),
        ...(marked ? [skipsIn(skips, x, rows)] : []),
      ];
    });
    return (tables.length === 0 ? [[]] : uPlot.join(tables.map(([x, y]) => [x, y]))) as uPlot.AlignedData;
  }, [curves, shown[0], shown[1], width, validated, marked]);
  // The drawing hook reads these, so that a chart is not made anew with every step.
  const [resumes] = useState<Resumes>({ at: [] });
  resumes.at = useMemo(() => runs.flatMap((run, index) => resumesOf(run, axis, index)), [runs, axis]);
  const names = runs.map(({ detail }) => detail.name).join('\n');
  const hasSmoothed = kind.isSmoothed && smoothing > 0;
  const options = useMemo(
    () =>
      optionsOf(kind, {
        axis,
        names: names === '' ? [] : names.split('\n'),
        hasSmoothed,
        validated,
        marked,
        theme,
        resumes,
      }),
    [kind, axis, names, hasSmoothed, validated, marked, theme],
  );
  return (
    <figure class={kind.isTall ? 'chart tall' : 'chart'} data-chart={kind.column}>
      <figcaption>
        {kind.title} {kind.unit !== '' && <small>{kind.unit}</small>}
      </figcaption>
      <Plot
        {...{ options, data, shown, whole, onRange }}
        label={`${kind.title} of ${runs.length === 1 ? 'one run' : `${runs.length} runs`}`}
        height={kind.isTall ? 300 : 200}
        onWidth={setWidth}
      />
    </figure>
  );
}

interface Curve {
  readonly x: Float64Array;
  readonly raw: Float64Array;
  readonly smoothed: Float64Array | null;
  readonly evaluations: [number[], number[]];
  /** Rows of skipped steps. */
  readonly skips: readonly number[];
}

/** The curves of a column, kept per run until its steps change. */
function useCurves(column: StepColumn, runs: readonly ShownRun[], axis: Axis, smoothing: number): readonly Curve[] {
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
          skips: column === 'loss_scale' ? skipsOf(steps.columns.skipped) : [],
        };
        kept.current.set(detail.id, { of, curve });
        return curve;
      }),
    [column, runs, axis, smoothing],
  );
}

/** Where resumed processes of the runs took over, on the horizontal axis, each with the run's place. */
interface Resumes {
  at: readonly (readonly [x: number, index: number])[];
}

function resumesOf({ detail, steps }: ShownRun, axis: Axis, index: number): [number, number][] {
  return detail.sessions.slice(1).flatMap((time) => {
    if (axis === 'time') return [[(time - (detail.started ?? 0)) / 1000, index]];
    const row = lowerBound(steps.columns.time, time);
    return row === 0 || row === steps.rows ? [] : [[steps.columns.step[row]!, index]];
  });
}

function drawResumes({ ctx, bbox, scales, valToPos }: uPlot, { at }: Resumes, theme: Theme): void {
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

/** Seconds for times. */
function xOf(columns: ShownRun['steps']['columns'], started: number | null, axis: Axis): Float64Array {
  return axis === 'step' ? columns.step : columns.time.map((time) => (time - (started ?? 0)) / 1000);
}

function evaluationsOf({ evaluations, started }: ShownRun['detail'], axis: Axis): [number[], number[]] {
  const points = evaluations.map(({ step, time, cross_entropy }) => [
    axis === 'step' ? Number(step) : (Date.parse(String(time)) - (started ?? 0)) / 1000,
    Number(cross_entropy),
  ]);
  return [points.map(([x]) => x!), points.map(([, y]) => y!)];
}

function skipsOf(skipped: Float64Array): number[] {
  const rows: number[] = [];
  for (let row = 0; row < skipped.length; row++) if (skipped[row] === 1) rows.push(row);
  return rows;
}

/** Skipped steps lie at the bottom of their chart: at 1, the lowest scale. */
function skipsIn(skips: readonly number[], x: Float64Array, { from, to }: Rows): [number[], number[]] {
  const xs = skips.filter((row) => row >= from && row < to).map((row) => x[row]!);
  return [xs, xs.map(() => 1)];
}

function wholeOf(runs: readonly ShownRun[], axis: Axis): readonly [number, number] {
  const ends = runs.flatMap(({ detail, steps: { columns, rows } }) => {
    if (rows === 0) return [];
    if (axis === 'step') return [columns.step[0]!, columns.step[rows - 1]!];
    return [columns.time[0]!, columns.time[rows - 1]!].map((time) => (time - (detail.started ?? 0)) / 1000);
  });
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  if (ends.length === 0) return [0, 1];
  return least === most ? [least - 1, most + 1] : [least, most];
}

interface Look {
  readonly axis: Axis;
  readonly names: readonly string[];
  readonly hasSmoothed: boolean;
  readonly validated: boolean;
  readonly marked: boolean;
  readonly theme: Theme;
  readonly resumes: Resumes;
}

function optionsOf(
  kind: ChartKind,
  { axis, names, hasSmoothed, validated, marked, theme, resumes }: Look,
): Omit<uPlot.Options, 'width' | 'height'> {
  const line = { spanGaps: true, points: { show: false } } as const;
  const value = (_: uPlot, shown: number | null) => (shown === null ? '' : formatFigure(shown));
  const series = names.flatMap((name, index): uPlot.Series[] => {
    const stroke = colorOf(theme, index);
    const label = names.length === 1 ? '' : name;
    return [
      ...(hasSmoothed ? [{ ...line, value, stroke, width: 2, label: `${label} smoothed`.trim() }] : []),
      hasSmoothed
        ? {
            ...line,
            value,
            stroke: `color-mix(in srgb, ${stroke} 45%, transparent)`,
            width: 1,
            label: `${label} each step`.trim(),
          }
        : { ...line, value, stroke, width: 1.5, label: label || kind.title.toLowerCase() },
      ...(validated
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
      ...(marked
        ? [
            {
              value,
              paths: () => null,
              stroke: theme.bad,
              label: `${label} skipped`.trim(),
              points: { show: true, size: 6, fill: theme.bad },
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
    hooks: { drawAxes: [(self) => drawResumes(self, resumes, theme)] },
    axes: [
      {
        ...axisLook,
        size: 34,
        values: (_, ticks) => ticks.map((tick) => (axis === 'step' ? tick.toLocaleString('en-US') : clock(tick))),
      },
      { ...axisLook, size: 58, values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : formatTick(tick))) },
    ],
    series: [
      { label: axis, value: (_, x) => (x === null ? '' : axis === 'step' ? x.toLocaleString('en-US') : clock(x)) },
      ...series,
    ],
  };
}

/** `4:03`, `2:04:03`, of seconds since the start. */
function clock(seconds: number): string {
  const total = Math.round(seconds);
  const two = (part: number) => String(part).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  return hours === 0 ? `${minutes}:${two(total % 60)}` : `${hours}:${two(minutes)}:${two(total % 60)}`;
}
