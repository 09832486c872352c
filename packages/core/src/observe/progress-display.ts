import { createLogUpdate } from 'log-update';
import type { WorkerSummary } from '../pool/pool-events.js';
import { defaultBudget } from '../pool/worker/budget.js';
import type { StepRecord } from '../train/train-step.js';
import type { TrainSummary } from '../train/train-summary.js';
import type { Trainer } from '../train/trainer.js';
import { closingTable } from './closing-table.js';
import { formatCount, formatDuration, formatFigure, formatSmall } from './format.js';
import type { Reporter } from './reporter.js';
import { runHeader } from './run-header.js';
import { sparkline } from './sparkline.js';
import { WorkerNarrator } from './worker-narrator.js';

/** Milliseconds between two pictures. */
const FRAME_MS = 100;
const SPARKLINE_WIDTH = 40;
const BAR_WIDTH = 24;
/** Losses kept for the curve; when full, every second one goes. */
const MOST_LOSSES = 2048;
/** Weight of the newest step in the averages that are shown. */
const SMOOTHING = 0.05;

/** A few lines of a terminal that are drawn again and again; what happens to workers scrolls by above them. */
export class ProgressDisplay implements Reporter {
  readonly #stream: NodeJS.WriteStream;
  readonly #update: ReturnType<typeof createLogUpdate>;
  #trainer: Trainer | null = null;
  #timer: NodeJS.Timeout | null = null;
  #drawnAt = 0;
  #last: StepRecord | null = null;
  #stepMs = 0;
  #losses: number[] = [];
  #stride = 1;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#update = createLogUpdate(stream);
  }

  start(trainer: Trainer): void {
    this.#trainer = trainer;
    this.#stream.write(`${runHeader(trainer).join('\n')}\n`);
    trainer.on('step', (record) => this.#onStep(record));
    new WorkerNarrator(trainer, (line) => this.#update.persist(this.#paint(33, line)));
    trainer.on('checkpoint', ({ path }) => this.#update.persist(`checkpoint ${path}`));
    this.#timer = setInterval(() => this.#draw(), FRAME_MS).unref();
    this.#draw();
  }

  note(event: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    this.#trainer?.record(event, fields);
    this.#update.persist(text);
  }

  done(summary: TrainSummary): void {
    this.#trainer?.record('done', summary);
    this.#draw();
    this[Symbol.dispose]();
    this.#stream.write(`\n${closingTable(summary)}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#update.done();
  }

  #onStep(record: StepRecord): void {
    this.#last = record;
    this.#stepMs += (record.ms - this.#stepMs) * (this.#stepMs === 0 ? 1 : SMOOTHING);
    if (record.step % this.#stride === 0) this.#losses.push(record.loss);
    if (this.#losses.length === MOST_LOSSES) {
      this.#losses = this.#losses.filter((_, index) => index % 2 === 1);
      this.#stride *= 2;
    }
    // Host math blocks this thread: the timer alone may come late.
    if (performance.now() - this.#drawnAt >= FRAME_MS) this.#draw();
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    if (this.#trainer !== null)
      this.#update(['', ...this.#stepLines(this.#trainer), ...this.#workerLines(this.#trainer)].join('\n'));
  }

  #stepLines({ step, options: { steps, batch, seq, accumulate } }: Trainer): string[] {
    const filled = Math.round((BAR_WIDTH * step) / steps);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
    const last = this.#last;
    if (last === null) return [`${bar} step ${formatCount(step)}/${formatCount(steps)}`];
    const tokens = (1000 * batch * seq * accumulate) / this.#stepMs;
    const left = formatDuration((steps - step) * this.#stepMs);
    return [
      `${bar} step ${formatCount(step)}/${formatCount(steps)}, ${left} left`,
      `loss ${this.#paint(1, last.loss.toFixed(4))} ${sparkline(this.#losses, SPARKLINE_WIDTH)}`,
      `${formatFigure(this.#stepMs)} ms/step, ${formatCount(tokens)} tokens/s, grad ${formatFigure(last.gradNorm)}, lr ${formatSmall(last.lr)}`,
    ];
  }

  #workerLines({ pool, options }: Trainer): string[] {
    const budget = { ...defaultBudget, ...options.budget };
    const limits = { ...budget, compilations: options.retireAfter ?? budget.compilations };
    const line = ({ worker, pid, state, kernels, compilations, evaluations }: WorkerSummary) =>
      `worker ${worker} (pid ${pid}) ${state.padEnd(8)} ${kernels} kernels, compilations ${used(compilations, limits.compilations)}, evaluations ${used(evaluations, limits.evaluations)}`;
    return pool.stats().workers.map((summary) => this.#paint(2, line(summary)));
  }

  /** @param code Of SGR: 1 bold, 2 faint, 33 yellow. */
  #paint(code: number, text: string): string {
    return this.#stream.hasColors() ? `\u001B[${code}m${text}\u001B[0m` : text;
  }
}

const used = (count: number, limit: number): string =>
  Number.isFinite(limit) ? `${formatCount(count)}/${formatCount(limit)}` : formatCount(count);
