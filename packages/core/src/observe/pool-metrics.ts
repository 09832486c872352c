import type { Pool } from '../pool/pool.js';
import type { PoolEvents } from '../pool/types.js';
import type { LatencySummary } from '../pool/worker/latency.js';
import { MetricsText } from './metrics-text.js';

const workerStates = ['starting', 'standby', 'serving', 'retiring', 'exiting', 'exited'] as const;

/** The metrics of a pool, for Prometheus. `docs/pool/observe.md` lists them. */
export class PoolMetrics implements Disposable {
  readonly #pool: Pool;
  readonly #retirements = new Map<string, number>();

  constructor(pool: Pool) {
    this.#pool = pool;
    pool.on('workerRetire', this.#onRetire);
  }

  /** In Prometheus's text format, as the answer to GET /metrics: `text/plain; version=0.0.4`. */
  text(): string {
    const metrics = new MetricsText();
    this.addTo(metrics);
    return metrics.toString();
  }

  /** @internal */
  addTo(metrics: MetricsText): void {
    const { workers, kernels, ...stats } = this.#pool.stats();
    const { bytes, usedBytes } = this.#pool.arena;
    metrics.counter('mayfly_dispatches_total', 'Evaluations of kernels that were answered.', [[{}, stats.dispatches]]);
    metrics.counter('mayfly_compilations_total', 'Compilations begun.', [[{}, stats.compilations]]);
    metrics.counter('mayfly_workers_started_total', 'Worker processes started.', [[{}, stats.workersStarted]]);
    metrics.counter(
      'mayfly_retirements_total',
      'Retirements of workers, by the limit that was reached.',
      Array.from(this.#retirements, ([reason, count]) => [{ reason }, count]),
    );
    metrics.counter('mayfly_worker_deaths_total', 'Workers that ended unasked.', [[{}, stats.deaths]]);
    metrics.counter(
      'mayfly_stalled_seconds_total',
      'Time in which kernels had runs but no program, by the reason for its absence, summed over kernels.',
      Object.entries(stats.stalledMs).map(([reason, ms]) => [{ reason }, ms / 1000]),
    );
    metrics.gauge('mayfly_pending_calls', 'Calls that have not settled.', [[{}, stats.pending]]);
    metrics.gauge(
      'mayfly_workers',
      'Worker processes by state.',
      workerStates.map((state) => [{ state }, workers.filter((worker) => worker.state === state).length]),
    );
    const perWorker = (value: (worker: (typeof workers)[number]) => number) =>
      workers.map((worker) => [{ worker: worker.id }, value(worker)] as const);
    metrics.gauge(
      'mayfly_worker_compilations',
      'Compilations that a worker has used of its budget.',
      perWorker(({ compilations }) => compilations),
    );
    metrics.gauge(
      'mayfly_worker_compilations_limit',
      'Compilations after which a worker retires.',
      perWorker(({ budget }) => budget.compilations),
    );
    metrics.gauge(
      'mayfly_worker_evaluations',
      'Evaluations that a worker has used of its budget.',
      perWorker(({ evaluations }) => evaluations),
    );
    metrics.gauge(
      'mayfly_worker_kernels',
      'Kernels that a worker holds.',
      perWorker((worker) => worker.kernels),
    );
    metrics.gauge(
      'mayfly_worker_program_bytes',
      "Bytes that a worker's device holds for programs.",
      perWorker(({ residentBytes }) => residentBytes),
    );
    metrics.gauge(
      'mayfly_worker_resident_bytes',
      "Resident memory of a worker's process, as last measured.",
      perWorker(({ rssBytes }) => rssBytes),
    );
    metrics.gauge('mayfly_arena_bytes', 'Size of the arena.', [[{}, bytes]]);
    metrics.gauge('mayfly_arena_used_bytes', 'Bytes of the arena that are allocated.', [[{}, usedBytes]]);
    metrics.gauge(
      'mayfly_main_resident_bytes',
      'Resident memory of the main process, its part of the arena included.',
      [[{}, process.memoryUsage.rss()]],
    );
    metrics.histogram(
      'mayfly_evaluation_seconds',
      'Time that devices took for an evaluation, by kernel.',
      kernels.map(({ name, evaluation }) => ({
        labels: { kernel: name },
        counts: boundsOf(evaluation),
        sum: (evaluation.meanUs * evaluation.count) / 1e6,
      })),
    );
  }

  /** Stops counting retirements. */
  [Symbol.dispose](): void {
    this.#pool.off('workerRetire', this.#onRetire);
  }

  readonly #onRetire = ({ reason }: PoolEvents['workerRetire'][0]): void => {
    this.#retirements.set(reason, (this.#retirements.get(reason) ?? 0) + 1);
  };
}

/** Powers of two from 2¹⁰ ns (about 1 µs) to 2³⁴ ns (17 s): the same for every kernel, so that they can be added. */
const bounds = Array.from({ length: 25 }, (_, power) => 2 ** (power + 10) / 1000);

function boundsOf({ buckets }: LatencySummary): { readonly below: number; readonly count: number }[] {
  let before = 0;
  return bounds.map((belowUs) => {
    const total = buckets.reduce((sum, bucket) => (bucket.belowUs <= belowUs ? sum + bucket.count : sum), 0);
    const count = total - before;
    before = total;
    return { below: belowUs / 1e6, count };
  });
}
