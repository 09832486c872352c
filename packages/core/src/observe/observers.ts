import { tracingChannel } from 'node:diagnostics_channel';
import { invalidArgument } from '@mayfly/native';
import { text, whole } from '../check.js';
import { DisposeStack } from '../files/dispose-stack.js';
import type { OptionTable } from '../option-table.js';
import type { StepMessage } from '../train/channels.js';
import type { Trainer } from '../train/trainer.js';
import { CsvSink } from './csv.js';
import { MetricsServer } from './metrics-server.js';
import { RecordBatches } from './record-batches.js';
import type { RecordSink } from './record-sink.js';
import { TensorBoardSink } from './tensorboard.js';
import { openTrace } from './trace/open-trace.js';

/** What `mayfly train` writes for other programs beside the run's folder. */
export interface ObserverOptions {
  readonly trace?: string;
  readonly tensorboard?: string;
  readonly tensorboardHistograms?: number;
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
  tensorboardHistograms: {
    ...{ rule: whole(1), flag: '--tensorboard-histograms <n>', group },
    help: "histograms of each tensor's gradient in the event file, every n steps",
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
  readonly #records: RecordBatches[] = [];
  /** Histograms of gradients: where they go, and every how many steps. */
  #gradients: { readonly board: TensorBoardSink; readonly every: number } | null = null;
  #metrics: MetricsServer | null = null;

  private constructor() {}

  /** Opens what the options name. Call it before the trainer is made, so that a trace has everything. */
  static async open(options: ObserverOptions): Promise<Observers> {
    const { trace, tensorboard, tensorboardHistograms: every, csv, metrics } = options;
    if (every !== undefined && tensorboard === undefined) {
      throw invalidArgument('tensorboardHistograms', 'given together with tensorboard', every);
    }
    const observers = new Observers();
    const opened = observers.#opened;
    const add = (sink: RecordSink) => {
      observers.#records.push(opened.adopt(new RecordBatches(sink), (each) => each[Symbol.dispose]()));
    };
    try {
      if (trace !== undefined) opened.adopt(openTrace(trace), (each) => each[Symbol.dispose]());
      if (tensorboard !== undefined) {
        const board = new TensorBoardSink(tensorboard);
        add(board);
        if (every !== undefined) observers.#gradients = { board, every };
      }
      if (csv !== undefined) add(new CsvSink(csv));
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
    for (const records of this.#records) records.follow(trainer);
    if (this.#gradients !== null) this.#followGradients(trainer, this.#gradients);
    this.#metrics?.start(trainer);
    return this.#metrics === null ? null : `http://127.0.0.1:${this.#metrics.port}/metrics`;
  }

  #followGradients(
    trainer: Trainer,
    { board, every }: { readonly board: TensorBoardSink; readonly every: number },
  ): void {
    const { asyncEnd } = tracingChannel('mayfly:step');
    // Called before the next step begins, which replaces the gradients.
    const onStep = (message: unknown) => {
      const { trainer: of, step, result } = message as StepMessage;
      if (of !== trainer || result === undefined || step % every !== 0) return;
      board.writeGradients(step, trainer.gradientHistograms());
    };
    asyncEnd.subscribe(onStep);
    this.#opened.adopt(onStep, (each) => asyncEnd.unsubscribe(each));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}
