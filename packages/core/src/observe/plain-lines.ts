import type { TrainSummary } from '../train/train-summary.js';
import type { Trainer } from '../train/trainer.js';
import type { Reporter } from './reporter.js';
import { closingTable, evaluationLine, powerLine, runHeader, sampleText, stepLine } from './run-text.js';
import { type Output, paint, print } from './text.js';
import { WorkerLines } from './worker-lines.js';

/** The first steps have a line each; later ones one line in this many milliseconds. */
const INTERVAL_MS = 2000;
const FIRST_STEPS = 3;
/** After so many lines about workers, only the closing table counts retirements. */
const MOST_WORKER_LINES = 60;

/** Lines for files and pipes, without control codes unless `colors` asks for them. */
export class PlainLines implements Reporter {
  readonly #stream: Output;
  readonly #colors: boolean;
  #trainer: Trainer | null = null;

  constructor(stream: Output, { colors = false }: { readonly colors?: boolean } = {}) {
    this.#stream = stream;
    this.#colors = colors;
  }

  start(trainer: Trainer): void {
    this.#trainer = trainer;
    const { steps } = trainer.options;
    const firstStep = trainer.step;
    for (const line of runHeader(trainer)) this.#line(line);
    let writtenAt = 0;
    trainer.on('step', (record) => {
      const now = performance.now();
      const due = record.step <= firstStep + FIRST_STEPS || record.step === steps || now - writtenAt >= INTERVAL_MS;
      if (!due && !record.skipped) return;
      writtenAt = now;
      this.#line(stepLine(record, steps));
    });
    let workerLines = 0;
    new WorkerLines(trainer, (line) => {
      workerLines += 1;
      if (workerLines <= MOST_WORKER_LINES) this.#workerLine(line);
      if (workerLines === MOST_WORKER_LINES) this.#line('further retirements are counted in the closing table only');
    });
    trainer.on('evaluation', (evaluation) => this.#line(evaluationLine(evaluation)));
    trainer.on('sample', (sample) => this.#line(sampleText(sample)));
    trainer.on('power', (state) => this.#line(powerLine(state)));
    trainer.on('checkpoint', ({ path }) => this.#line(`checkpoint ${path}`));
  }

  record(event: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    this.#trainer?.record(event, fields);
    this.#line(text);
  }

  done(summary: TrainSummary): void {
    this.#trainer?.record('done', summary);
    this.#line(`\n${closingTable(summary)}`);
  }

  [Symbol.dispose](): void {}

  #workerLine(text: string): void {
    if (this.#colors) this.#stream.write(`${paint(33, text)}\n`);
    else this.#line(text);
  }

  #line(text: string): void {
    print(this.#stream, `${text}\n`);
  }
}
