import plot from 'simple-ascii-chart';
import type { ProbeLine } from '../chips/hardware-probes.js';

const PLOT = { width: 64, height: 12 } as const;

type Ran = ProbeLine & { readonly compileMs: number; readonly evaluateUs: number; readonly teraflops: number };

const ran = (line: ProbeLine): line is Ran => line.reason === '';

/** A table of a probe's lines, and a plot of what varies in it: throughput by weights, else by work, else time by line. */
export function probeReport(lines: readonly ProbeLine[]): string {
  return `${table(lines)}${curve(lines.filter(ran))}`;
}

function table(lines: readonly ProbeLine[]): string {
  const rows = lines.map((line) => {
    const sizes = [`${(line.weightBytes / 1e6).toFixed(1)} MB`, `${(line.flops / 1e9).toFixed(2)} GFLOP`];
    if (!ran(line)) return [line.what, ...sizes, '', '', `not run: ${line.reason}`];
    const { compileMs, evaluateUs, teraflops } = line;
    const times = [`${compileMs.toFixed(0)} ms`, `${evaluateUs.toFixed(0)} µs`, `${teraflops.toFixed(2)} TFLOP/s`];
    return [line.what, ...sizes, ...times];
  });
  const all = [['program', 'weights', 'work', 'compiled in', 'evaluated in', 'throughput'], ...rows];
  const widths = all[0]!.map((_, column) =>
    Math.max(...all.map((row) => (row[column]!.startsWith('not run') ? 0 : row[column]!.length))),
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return `${all.map((row) => line(row).trimEnd()).join('\n')}\n`;
}

function curve(lines: readonly Ran[]): string {
  const distinct = (of: (line: Ran) => number) => new Set(lines.map(of)).size;
  if (lines.length < 3) return '';
  const byWeights = distinct(({ weightBytes }) => weightBytes) > 2;
  const byWork = distinct(({ flops }) => flops) > 2;
  const points = lines.map((line, index): [number, number] => {
    if (byWeights) return [round(line.weightBytes / 1e6), round(line.teraflops)];
    return byWork ? [round(line.flops / 1e9), round(line.evaluateUs)] : [index + 1, round(line.evaluateUs)];
  });
  const labels = byWeights
    ? { xLabel: 'weights in MB', yLabel: 'TFLOP/s' }
    : { xLabel: byWork ? 'work in GFLOP' : 'line', yLabel: 'µs' };
  const sorted = points.toSorted(([a], [b]) => a - b);
  const most = Math.max(...sorted.map(([, y]) => y));
  const drawn = plot(sorted, { ...PLOT, ...labels, yRange: [0, most], mode: 'point' });
  return `\n${drawn.replaceAll(/[ \t]+$/gm, '').replaceAll(/^\n+|\n+$/g, '')}\n`;
}

/** To three digits: the axes show them. */
const round = (value: number): number => Number(value.toPrecision(3));
