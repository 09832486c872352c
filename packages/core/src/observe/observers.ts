import { text, whole } from '../check.js';
import { DisposeStack } from '../files/dispose-stack.js';
import type { OptionTable } from '../option-table.js';
import type { Trainer } from '../train/trainer.js';
import { CsvSink } from './csv.js';
import { MetricsServer } from './metrics-server.js';
import { follow, type RecordSink } from './record-sink.js';
import { TensorBoardSink } from './tensorboard.js';
import { openTrace } from './trace/open-trace.js';

/** What `mayfly train` writes for other programs beside the run's folder. */
export interface ObserverOptions {
  readonly trace?: string;
  readonly tensorboard?: string;
  readonly csv?: string;
  readonly metrics?: number;
}

const group = 'Checkpoints and output:';

/** The table of `ObserverOptions`. */
export const observerOptions = {
  trace: {
    ...{ rule: text, flag: '--trace <file>', group },
    help: 'write a trace for ui.perfetto.dev: FILE.json, or FILE.pftrace in protobuf',
  },
  tensorboard: {
    ...{ rule: text, flag: '--tensorboard <dir>', group },
    help: 'write an event file for TensorBoard into a folder',
  },
  csv: { rule: text, flag: '--csv <file>', group, help: 'write a table with a row for each step' },
  metrics: {
    ...{ rule: whole(0, 65_535), flag: '--metrics <port>', group },
    help: 'serve metrics for Prometheus on 127.0.0.1; 0: on any free port',
  },
} as const satisfies OptionTable<ObserverOptions>;

/** The observers of a training. */
export class Observers implements AsyncDisposable {
  readonly #opened = new DisposeStack();
  readonly #sinks: RecordSink[] = [];
  #metrics: MetricsServer | null = null;

  private constructor() {}

  /** Opens what the options name. Call it before the trainer is made, so that a trace has everything. */
  static async open({ trace, tensorboard, csv, metrics }: ObserverOptions): Promise<Observers> {
    const observers = new Observers();
    const opened = observers.#opened;
    try {
      if (trace !== undefined) opened.adopt(openTrace(trace), (each) => each[Symbol.dispose]());
      if (tensorboard !== undefined) observers.#sinks.push(new TensorBoardSink(tensorboard));
      if (csv !== undefined) observers.#sinks.push(new CsvSink(csv));
      for (const sink of observers.#sinks) opened.adopt(sink, (each) => each[Symbol.dispose]());
      if (metrics !== undefined) {
        observers.#metrics = opened.adopt(await MetricsServer.open(metrics), (each) => each[Symbol.asyncDispose]());
      }
    } catch (error) {
      await opened.disposeAsync();
      throw error;
    }
    return observers;
  }

  /** Call it once, before the first step. Returns where metrics are served, or null. */
  start(trainer: Trainer): string | null {
    for (const sink of this.#sinks) follow(trainer, sink);
    this.#metrics?.start(trainer);
    return this.#metrics === null ? null : `http://127.0.0.1:${this.#metrics.port}/metrics`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}
