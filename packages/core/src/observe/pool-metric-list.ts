import type { Pool } from '../pool/pool.js';
import type { PoolStats, WorkerSummary } from '../pool/types.js';

/** A value of a metric, with its labels. */
export type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

/** What the metrics of a pool are read from. */
export interface PoolSnapshot {
  readonly stats: PoolStats;
  readonly arena: Pool['arena'];
  /** Retirements by reason. */
  readonly retirements: ReadonlyMap<string, number>;
}

/** A metric whose value is read when somebody asks. */
export interface Metric<Source> {
  /** Prometheus's; a counter's ends in `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: (source: Source) => readonly Sample[];
}

export type PoolMetric = Metric<PoolSnapshot>;

const states = ['starting', 'standby', 'serving', 'retiring', 'exiting', 'exited'] as const;

const total =
  (value: (snapshot: PoolSnapshot) => number): PoolMetric['samples'] =>
  (snapshot) => [[{}, value(snapshot)]];

const perWorker =
  (value: (worker: WorkerSummary) => number): PoolMetric['samples'] =>
  ({ stats }) =>
    stats.workers.map((worker) => [{ worker: worker.id }, value(worker)]);

/** All metrics of a pool but the histogram of evaluations. `docs/pool/observe.md` lists them. */
export const poolMetricList: readonly PoolMetric[] = [
  {
    name: 'mayfly_dispatches_total',
    type: 'counter',
    help: 'Evaluations of kernels that were answered.',
    samples: total(({ stats }) => stats.dispatches),
  },
  {
    name: 'mayfly_compilations_total',
    type: 'counter',
    help: 'Compilations begun.',
    samples: total(({ stats }) => stats.compilations),
  },
  {
    name: 'mayfly_workers_started_total',
    type: 'counter',
    help: 'Worker processes started.',
    samples: total(({ stats }) => stats.workersStarted),
  },
  {
    name: 'mayfly_retirements_total',
    type: 'counter',
    help: 'Retirements of workers, by the limit that was reached.',
    samples: ({ retirements }) => Array.from(retirements, ([reason, count]) => [{ reason }, count]),
  },
  {
    name: 'mayfly_worker_deaths_total',
    type: 'counter',
    help: 'Workers that ended unasked.',
    samples: total(({ stats }) => stats.deaths),
  },
  {
    name: 'mayfly_stalled_seconds_total',
    type: 'counter',
    help: 'Time in which kernels had runs but no program, by the reason for its absence, summed over kernels.',
    samples: ({ stats }) => Object.entries(stats.stalledMs).map(([reason, ms]) => [{ reason }, ms / 1000]),
  },
  {
    name: 'mayfly_pending_calls',
    type: 'gauge',
    help: 'Calls that have not settled.',
    samples: total(({ stats }) => stats.pending),
  },
  {
    name: 'mayfly_workers',
    type: 'gauge',
    help: 'Worker processes by state.',
    samples: ({ stats: { workers } }) =>
      states.map((state) => [{ state }, workers.filter((worker) => worker.state === state).length]),
  },
  {
    name: 'mayfly_worker_compilations',
    type: 'gauge',
    help: 'Compilations that a worker has used of its budget.',
    samples: perWorker(({ compilations }) => compilations),
  },
  {
    name: 'mayfly_worker_compilations_limit',
    type: 'gauge',
    help: 'Compilations after which a worker retires.',
    samples: perWorker(({ budget }) => budget.compilations),
  },
  {
    name: 'mayfly_worker_evaluations',
    type: 'gauge',
    help: 'Evaluations that a worker has used of its budget.',
    samples: perWorker(({ evaluations }) => evaluations),
  },
  {
    name: 'mayfly_worker_kernels',
    type: 'gauge',
    help: 'Kernels that a worker holds.',
    samples: perWorker(({ kernels }) => kernels),
  },
  {
    name: 'mayfly_worker_program_bytes',
    type: 'gauge',
    help: "Bytes that a worker's device holds for programs.",
    samples: perWorker(({ residentBytes }) => residentBytes),
  },
  {
    name: 'mayfly_worker_resident_bytes',
    type: 'gauge',
    help: "Resident memory of a worker's process, as last measured.",
    samples: perWorker(({ rssBytes }) => rssBytes),
  },
  {
    name: 'mayfly_arena_bytes',
    type: 'gauge',
    help: 'Size of the arena.',
    samples: total(({ arena }) => arena.bytes),
  },
  {
    name: 'mayfly_arena_used_bytes',
    type: 'gauge',
    help: 'Bytes of the arena that are allocated.',
    samples: total(({ arena }) => arena.usedBytes),
  },
];

/** Of the main process, which several pools share. */
export const mainProcessMetric = {
  name: 'mayfly_main_resident_bytes',
  help: 'Resident memory of the main process, its part of the arena included.',
  value: () => process.memoryUsage.rss(),
} as const;

/** The histogram of evaluations, in seconds, by kernel. */
export const evaluationHistogram = {
  name: 'mayfly_evaluation_seconds',
  help: 'Time that devices took for an evaluation, by kernel.',
  /** Powers of two from 2¹⁰ ns (about 1 µs) to 2³⁴ ns (17 s): the same for every kernel, so that they can be added. */
  bounds: Array.from({ length: 25 }, (_, power) => 2 ** (power + 10) / 1e9),
} as const;
