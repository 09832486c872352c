import { useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { formatBytes, formatTime, formatTimeTicks } from './format.js';
import { legendLook, Plot, type Range } from './plot.js';
import { type PanelProps, titleOf } from './run-store.js';
import type { Theme } from './theme.js';

/** Memory of the main process, of its arena and of the workers, over time. */
export function Memory({ theme, ...panel }: PanelProps & { readonly theme: Theme }) {
  const { detail } = panel.run;
  const [range, setRange] = useState<Range>(null);
  const { memory, name } = detail;
  const data = useMemo<uPlot.AlignedData>(
    () => [
      memory.map(({ time }) => time / 1000),
      memory.map(({ main }) => main),
      memory.map(({ arena }) => arena),
      memory.map(({ workers }) => workers),
    ],
    [memory],
  );
  const options = useMemo(() => optionsOf(theme), [theme]);
  if (memory.length < 2) return null;
  const last = memory.at(-1)!;
  const whole: readonly [number, number] = [memory[0]!.time / 1000, last.time / 1000];
  return (
    <figure class="chart" data-chart="memory">
      <figcaption>
        {titleOf('Memory', panel)} <small>resident</small>
      </figcaption>
      <Plot
        {...{ options, data, whole, shown: range ?? whole, onRange: setRange }}
        label={`Memory of ${name}`}
        summary={`The latest: ${formatBytes(last.main)} in the main process, ${formatBytes(last.arena)} in the arena, ${formatBytes(last.workers)} in workers.`}
        height={180}
      />
    </figure>
  );
}

function optionsOf(theme: Theme): Omit<uPlot.Options, 'width' | 'height'> {
  const look = { stroke: theme.faint, grid: { stroke: theme.grid, width: 1 }, ticks: { stroke: theme.grid, width: 1 } };
  const font = '12px system-ui, sans-serif';
  const value = (_: uPlot, bytes: number | null) => (bytes === null ? '' : formatBytes(bytes));
  const line = (label: string, stroke: string) => ({ label, stroke, value, width: 1.5, points: { show: false } });
  return {
    padding: [8, 18, 0, 0],
    scales: { x: { time: true, auto: false }, y: { range: (_, __, most) => [0, 1.1 * most] } },
    axes: [
      {
        ...{ ...look, font, space: 84, size: 46 },
        values: (_, ticks, __, ___, distance) => formatTimeTicks(ticks, distance),
      },
      { ...look, font, size: 64, values: (_, ticks) => ticks.map(formatBytes) },
    ],
    legend: legendLook,
    series: [
      { label: 'time', value: (_, time) => (time === null ? '' : formatTime(1000 * time)) },
      line('main process', theme.runs[0]!),
      line('arena', theme.runs[2]!),
      line('workers', theme.runs[1]!),
    ],
  };
}
