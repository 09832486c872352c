import { loadavg } from 'node:os';
import type { TopLevelSpec } from 'vega-lite';
import type { Placement } from './placement.js';

/** One measured row: a time, or where `unit` is a rate, that. What a row does not have is absent. */
export interface Figure {
  readonly case: string;
  readonly isolation: 'process' | 'thread' | 'none';
  readonly placement: Placement;
  readonly unit: 'us' | 'ms' | 's' | 'GFLOP/s' | 'GB/s' | '%' | 'rms' | 'MiB' | 'bytes' | 'instructions';
  readonly p50: number;
  readonly p99?: number;
  /** Processor time of the main process per operation, microseconds. */
  readonly cpu?: number;
  readonly perSecond?: number;
}

export interface Target {
  readonly text: string;
  readonly value: number;
  readonly relation: '<=' | '>=';
  readonly limit: number;
  readonly pass: boolean;
}

export interface Report {
  readonly benchmark: string;
  readonly measures: string;
  /** Of each figure: the median over so many repetitions, interleaved with those of the other cases. */
  readonly repetitions: number;
  readonly figures: readonly Figure[];
  readonly targets: readonly Target[];
  /** A picture of the figures, for `--plots`. */
  readonly plot?: TopLevelSpec;
  /** What could not be measured, and why. */
  readonly skipped: readonly { readonly case: string; readonly reason: string }[];
  /** Load average of the machine (1 minute) before and after: figures of a busy machine are worth less. */
  readonly load: readonly [number, number];
  readonly seconds: number;
}

export type Findings = Omit<Report, 'benchmark' | 'measures' | 'load' | 'seconds'>;

/** A benchmark of the table in `bench/README.md`. */
export interface Benchmark {
  readonly name: string;
  readonly measures: string;
  measure(effort: Effort): Promise<Findings>;
}

/** `--quick` only shows that everything runs. */
export interface Effort {
  readonly quick: boolean;
  readonly repetitions: number;
}

export function target(text: string, value: number, relation: '<=' | '>=', limit: number): Target {
  return { text, value, relation, limit, pass: relation === '<=' ? value <= limit : value >= limit };
}

export async function report({ name, measures, measure }: Benchmark, effort: Effort): Promise<Report> {
  const before = loadavg()[0]!;
  const started = performance.now();
  const findings = await measure(effort);
  const seconds = (performance.now() - started) / 1000;
  return { benchmark: name, measures, ...findings, load: [before, loadavg()[0]!], seconds };
}
