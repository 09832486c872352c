import { createServer, type Server } from 'node:http';
import { invalidArgument } from '@mayfly/native';
import type { EnergyUse } from '../train/energy-watch.js';
import type { StepRecord } from '../train/train-step.js';
import type { Trainer } from '../train/trainer.js';
import type { Evaluation } from '../train/validation.js';
import { EnergyTotals, energyMetricList } from './energy-metrics.js';
import { MetricsText } from './metrics-text.js';
import { PoolMetrics } from './pool-metrics.js';

/** Serves the metrics of a training on the loopback interface, for Prometheus: GET /metrics. */
export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;
  #pool: PoolMetrics | null = null;
  #trainer: Trainer | null = null;
  #last: StepRecord | null = null;
  #evaluation: Evaluation | null = null;
  #skipped = 0;
  readonly #energy = new EnergyTotals();

  private constructor() {
    this.#server = createServer((request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(this.#text());
    });
    this.#server.unref();
  }

  /** @param port 0: any that is free. @throws `ERR_INVALID_ARGUMENT` where another program has it. */
  static async open(port: number): Promise<MetricsServer> {
    const opened = new MetricsServer();
    await new Promise<void>((resolve, reject) => {
      opened.#server.once('error', (error) => {
        reject(invalidArgument('metrics', 'a port that is free', `${port} (${error.message})`));
      });
      opened.#server.listen(port, '127.0.0.1', resolve);
    });
    return opened;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  start(trainer: Trainer): void {
    this.#pool = new PoolMetrics(trainer.pool);
    this.#trainer = trainer.on('step', this.#onStep).on('energy', this.#onEnergy).on('evaluation', this.#onEvaluation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pool?.[Symbol.dispose]();
    this.#trainer?.off('step', this.#onStep).off('energy', this.#onEnergy).off('evaluation', this.#onEvaluation);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  readonly #onStep = (record: StepRecord): void => {
    this.#last = record;
    if (record.skipped) this.#skipped += 1;
  };

  readonly #onEvaluation = (evaluation: Evaluation): void => {
    this.#evaluation = evaluation;
  };

  readonly #onEnergy = (use: EnergyUse): void => this.#energy.add(use);

  #text(): string {
    const metrics = new MetricsText();
    this.#pool?.addTo(metrics);
    const last = this.#last;
    if (last !== null) {
      metrics.gauge('mayfly_step', 'Steps done since the beginning of the run.', [[{}, last.step]]);
      metrics.gauge('mayfly_loss', 'Mean cross-entropy of the last step, in nats per token.', [[{}, last.loss]]);
      metrics.gauge('mayfly_gradient_norm', 'Norm of the last gradient, before clipping.', [[{}, last.gradNorm]]);
      metrics.gauge('mayfly_learning_rate', 'Learning rate of the last step.', [[{}, last.lr]]);
      metrics.gauge('mayfly_loss_scale', 'Loss scale of the last step.', [[{}, last.lossScale]]);
      metrics.gauge('mayfly_step_seconds', 'Time of the last step.', [[{}, last.ms / 1000]]);
      metrics.gauge('mayfly_tokens_per_second', 'Speed of the last step.', [[{}, last.tokensPerSecond]]);
      metrics.counter('mayfly_skipped_steps_total', 'Steps whose gradients overflowed.', [[{}, this.#skipped]]);
    }
    if (this.#evaluation !== null) {
      const { crossEntropy } = this.#evaluation;
      metrics.gauge('mayfly_validation_loss', 'Loss on the validation data, in nats per token.', [[{}, crossEntropy]]);
    }
    for (const { name, type, help, samples } of energyMetricList) metrics[type](name, help, samples(this.#energy));
    return metrics.toString();
  }
}
