import { useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { formatFigure, formatTick, formatTime, formatTimeTicks } from './format.js';
import { legendLook, Plot, type Range } from './plot.js';
import { type PanelProps, titleOf } from './run-store.js';
import type { Theme } from './theme.js';

type Point = PanelProps['run']['detail']['energy'][number];

interface Line {
  readonly label: string;
  readonly value: (point: Point) => number | null;
}

interface ChartKind {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
}

const giga = (bytes: number | null): number | null => (bytes === null ? null : bytes / 1e9);

/** The energy of each die, where there are several, and their sum. */
function energyLines(points: readonly Point[]): Line[] {
  const names = [...new Set(points.flatMap(({ dies }) => dies.map(({ name }) => name)))];
  const ofDie = (name: string): Line => ({
    label: name,
    value: ({ dies }) => dies.find((die) => die.name === name)?.joulesPerStep ?? null,
  });
  return [
    { label: 'J per step', value: ({ joulesPerStep }) => joulesPerStep },
    ...(names.length > 1 ? names.map(ofDie) : []),
  ];
}

const kindsOf = (points: readonly Point[]): readonly ChartKind[] => [
  {
    ...{ id: 'energy', title: 'Energy', unit: 'joules of the Neural Engine per step; assumed' },
    lines: energyLines(points),
  },
  {
    ...{ id: 'traffic', title: 'Memory traffic', unit: 'GB per second; assumed' },
    lines: [
      { label: 'chip', value: ({ memory }) => giga(memory) },
      { label: 'Neural Engine', value: ({ ane }) => giga(ane) },
    ],
  },
];

const textOf = (value: number | null): string => (value === null ? 'not counted' : formatFigure(value));

/** Energy and traffic of memory over time: a chart for each that the run's machine counts. */
export function Energy(props: PanelProps & { readonly theme: Theme }) {
  const { energy } = props.run.detail;
  if (energy.length < 2) return null;
  return kindsOf(energy)
    .map((kind) => ({
      ...kind,
      lines: kind.lines.filter(({ value }) => energy.some((point) => value(point) !== null)),
    }))
    .filter(({ lines }) => lines.length > 0)
    .map((kind) => <EnergyChart key={kind.id} kind={kind} {...props} />);
}

function EnergyChart({ kind, theme, ...panel }: PanelProps & { readonly kind: ChartKind; readonly theme: Theme }) {
  const { energy, name } = panel.run.detail;
  const [range, setRange] = useState<Range>(null);
  const labels = kind.lines.map(({ label }) => label).join('\n');
  const data = useMemo<uPlot.AlignedData>(
    () => [energy.map(({ time }) => time / 1000), ...kind.lines.map(({ value }) => energy.map(value))],
    [energy, labels],
  );
  const options = useMemo(() => optionsOf(theme, labels.split('\n')), [theme, labels]);
  const whole: readonly [number, number] = [energy[0]!.time / 1000, energy.at(-1)!.time / 1000];
  return (
    <figure class="chart" data-chart={kind.id}>
      <figcaption>
        {titleOf(kind.title, panel)} <small>{kind.unit}</small>
      </figcaption>
      <Plot
        {...{ options, data, whole, shown: range ?? whole, onRange: setRange }}
        label={`${kind.title} of ${name}`}
        summary={`The latest: ${kind.lines.map(({ label, value }) => `${label} ${textOf(value(energy.at(-1)!))}`).join(', ')}.`}
        height={180}
      />
    </figure>
  );
}

function optionsOf(theme: Theme, labels: readonly string[]): Omit<uPlot.Options, 'width' | 'height'> {
  const look = { stroke: theme.faint, grid: { stroke: theme.grid, width: 1 }, ticks: { stroke: theme.grid, width: 1 } };
  const font = '12px system-ui, sans-serif';
  const value = (_: uPlot, shown: number | null) => (shown === null ? '' : formatFigure(shown));
  return {
    padding: [8, 18, 0, 0],
    scales: { x: { time: true, auto: false }, y: { range: (_, __, most) => [0, 1.1 * most || 1] } },
    axes: [
      {
        ...{ ...look, font, space: 84, size: 46 },
        values: (_, ticks, __, ___, distance) => formatTimeTicks(ticks, distance),
      },
      { ...look, font, size: 64, values: (_, ticks) => ticks.map(formatTick) },
    ],
    legend: legendLook,
    series: [
      { label: 'time', value: (_, time) => (time === null ? '' : formatTime(1000 * time)) },
      ...labels.map((label, index) => ({
        ...{ label, stroke: theme.runs[index % theme.runs.length]!, value, width: 1.5, points: { show: false } },
      })),
    ],
  };
}
