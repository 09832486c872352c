import type { ProbeLine } from '../chips/hardware-probes.js';
import { textTable } from './table.js';

const PLOT = { width: 64, height: 12 } as const;

type Ran = ProbeLine & { readonly compileMs: number; readonly evaluateUs: number; readonly teraflops: number };

const ran = (line: ProbeLine): line is Ran => line.reason === '';

/** A table of a probe's programs, and a plot: throughput by weights if these vary, else time by work, else time by program. */
export async function probeReport(lines: readonly ProbeLine[]): Promise<string> {
  return `${table(lines)}${await curve(lines.filter(ran))}`;
}

function table(lines: readonly ProbeLine[]): string {
  const rows = lines.map((line) => {
    const sizes = [`${(line.weightBytes / 1e6).toFixed(1)} MB`, `${(line.flops / 1e9).toFixed(2)} GFLOP`];
    if (!ran(line)) return [line.what, ...sizes, `not run: ${line.reason}`];
    const { compileMs, evaluateUs, teraflops } = line;
    const times = [`${compileMs.toFixed(0)} ms`, `${evaluateUs.toFixed(0)} µs`, `${teraflops.toFixed(2)} TFLOP/s`];
    return [line.what, ...sizes, ...times];
  });
  const header = ['program', 'weights', 'work', 'compiled in', 'evaluated in', 'throughput'];
  return `${textTable([header, ...rows], { numbers: true })}\n`;
}

async function curve(lines: readonly Ran[]): Promise<string> {
  const distinct = (of: (line: Ran) => number) => new Set(lines.map(of)).size;
  if (lines.length < 3) return '';
  const { default: plot } = await import('simple-ascii-chart');
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

/** Three digits, since the axes show them all. */
const round = (value: number): number => Number(value.toPrecision(3));
