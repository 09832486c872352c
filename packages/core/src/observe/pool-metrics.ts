import type { Pool } from '../pool/pool.js';
import type { PoolEvents } from '../pool/types.js';
import type { LatencySummary } from '../pool/worker/latency.js';
import { MetricsText } from './metrics-text.js';
import { evaluationHistogram, mainProcessMetric, poolMetricList } from './pool-metric-list.js';

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
    const stats = this.#pool.stats();
    const snapshot = { stats, arena: this.#pool.arena, retirements: this.#retirements };
    for (const { name, type, help, samples } of poolMetricList) metrics[type](name, help, samples(snapshot));
    const { name, help, value } = mainProcessMetric;
    metrics.gauge(name, help, [[{}, value()]]);
    metrics.histogram(
      evaluationHistogram.name,
      evaluationHistogram.help,
      stats.kernels.map(({ name, evaluation }) => ({
        labels: { kernel: name },
        counts: countsOf(evaluation),
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

function countsOf({ buckets }: LatencySummary): { readonly below: number; readonly count: number }[] {
  let before = 0;
  return evaluationHistogram.bounds.map((below) => {
    // Both are powers of two of nanoseconds, rounded.
    const total = buckets.reduce((sum, { belowUs, count }) => (belowUs < 1.5e6 * below ? sum + count : sum), 0);
    const count = total - before;
    before = total;
    return { below, count };
  });
}
