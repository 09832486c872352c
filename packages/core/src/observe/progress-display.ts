import wrapAnsi from 'wrap-ansi';
import type { EnergyUse } from '../train/energy-watch.js';
import type { StepRecord } from '../train/train-step.js';
import type { TrainSummary } from '../train/train-summary.js';
import type { Trainer } from '../train/trainer.js';
import { LiveLines } from './live-lines.js';
import type { Reporter } from './reporter.js';
import { closingTable, energyText, evaluationLine, powerLine, runHeader, sampleText } from './run-text.js';
import {
  formatCount,
  formatDuration,
  formatFigure,
  formatSmall,
  paint,
  print,
  printable,
  sparkline,
  wantsColors,
} from './text.js';
import { WorkerLines } from './worker-lines.js';

/** Milliseconds between two updates of the display. */
const FRAME_MS = 100;
const SPARKLINE_WIDTH = 40;
/** Width of the largest loss in front of the curve. */
const LOSS_WIDTH = 16;
const BAR_WIDTH = 24;
/** Losses kept for the curve. When this number is reached, every second one is dropped. */
const MOST_LOSSES = 2048;
/** Weight of the newest step in the averages that are shown. */
const SMOOTHING = 0.05;

/** Width of the labels in a run's header. */
const HEADER_INDENT = 8;

/** Text, perhaps with an SGR code for its style: 1 bold, 2 faint, 33 yellow. */
type Part = string | { readonly color: number; readonly text: string };
type Line = Part | readonly Part[];

/** Redraws a few lines at the end of a terminal. Lines about workers scroll above them. */
export class ProgressDisplay implements Reporter {
  readonly #stream: NodeJS.WriteStream;
  readonly #lines: LiveLines;
  #trainer: Trainer | null = null;
  #timer: NodeJS.Timeout | null = null;
  #drawnAt = 0;
  #last: StepRecord | null = null;
  #energy: EnergyUse | null = null;
  #stepMs = 0;
  #losses: number[] = [];
  #stride = 1;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#lines = new LiveLines(stream);
  }

  start(trainer: Trainer): void {
    this.#trainer = trainer;
    for (const line of runHeader(trainer)) this.#scroll(line, HEADER_INDENT);
    trainer.on('step', (record) => this.#onStep(record));
    trainer.on('energy', (use) => {
      this.#energy = use;
    });
    new WorkerLines(trainer, (line) => this.#scroll({ color: 33, text: line }));
    trainer.on('evaluation', (evaluation) => this.#scroll(evaluationLine(evaluation)));
    trainer.on('sample', (sample) => this.#scroll(sampleText(sample)));
    trainer.on('power', (state) => this.#scroll(powerLine(state), HEADER_INDENT));
    trainer.on('checkpoint', ({ path }) => this.#scroll(`checkpoint ${path}`));
    this.#timer = setInterval(() => this.#draw(), FRAME_MS).unref();
    this.#draw();
  }

  record(event: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    this.#trainer?.record(event, fields);
    this.#scroll(text);
  }

  done(summary: TrainSummary): void {
    this.#trainer?.record('done', summary);
    this.#draw();
    this[Symbol.dispose]();
    print(this.#stream, `\n${closingTable(summary)}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#lines[Symbol.dispose]();
  }

  #onStep(record: StepRecord): void {
    this.#last = record;
    this.#stepMs += (record.ms - this.#stepMs) * (this.#stepMs === 0 ? 1 : SMOOTHING);
    if (record.step % this.#stride === 0) this.#losses.push(record.loss);
    if (this.#losses.length === MOST_LOSSES) {
      this.#losses = this.#losses.filter((_, index) => index % 2 === 1);
      this.#stride *= 2;
    }
    // Host math may block this thread and delay the timer.
    if (performance.now() - this.#drawnAt >= FRAME_MS) this.#draw();
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    if (this.#trainer === null) return;
    const lines = [...this.#stepLines(this.#trainer), ...workerLines(this.#trainer)];
    this.#lines.show(['', ...lines.map((line) => this.#render(line, 2))].join('\n'));
  }

  #stepLines({ step, options: { steps, batch, seq, accumulate } }: Trainer): Line[] {
    const filled = Math.round((BAR_WIDTH * step) / steps);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
    const last = this.#last;
    if (last === null) return [`${bar} step ${formatCount(step)}/${formatCount(steps)}`];
    const tokens = (1000 * batch * seq * accumulate) / this.#stepMs;
    const left = formatDuration((steps - step) * this.#stepMs);
    return [
      `${bar} step ${formatCount(step)}/${formatCount(steps)}, ${left} left`,
      [
        'loss ',
        { color: 1, text: last.loss.toFixed(4) },
        ` ${sparkline(this.#losses, Math.max(1, Math.min(SPARKLINE_WIDTH, this.#stream.columns - LOSS_WIDTH)))}`,
      ],
      `${formatFigure(this.#stepMs)} ms/step, ${formatCount(tokens)} tokens/s, grad ${formatFigure(last.gradNorm)}, lr ${formatSmall(last.lr)}`,
      ...(this.#energy === null ? [] : [energyText(this.#energy)]),
    ];
  }

  /** Writes a line above the redrawn ones. */
  #scroll(line: Line, indent = 0): void {
    this.#lines.writeAbove(this.#render(line, indent));
  }

  /** The only place that produces output: makes texts printable and breaks them between words. */
  #render(line: Line, indent: number): string {
    const parts = Array.isArray(line) ? (line as readonly Part[]) : [line as Part];
    const colors = wantsColors(this.#stream);
    const painted = parts.map((part) => {
      if (typeof part === 'string') return printable(part);
      return colors ? paint(part.color, part.text) : printable(part.text);
    });
    return wrap(painted.join(''), this.#stream.columns, indent);
  }
}

function workerLines({ pool }: Trainer): Line[] {
  return pool.stats().workers.map(({ id, pid, state, kernels, compilations, evaluations, budget }) => ({
    color: 2,
    text: `worker ${id} (pid ${pid}) ${state.padEnd(8)} ${kernels} kernels, compilations ${used(compilations, budget.compilations)}, evaluations ${used(evaluations, budget.evaluations)}`,
  }));
}

/** Breaks lines between words and indents the rest. The terminal breaks words that are longer than a line. */
function wrap(text: string, columns: number, indent: number): string {
  const room = Math.max(columns - indent, 1);
  return text
    .split('\n')
    .map((line) => {
      const [first = '', ...rest] = wrapAnsi(line, columns, { trim: false }).split('\n');
      if (rest.length === 0) return first;
      return [
        first,
        ...wrapAnsi(rest.join('').trimStart(), room)
          .split('\n')
          .map((part) => ' '.repeat(indent) + part),
      ].join('\n');
    })
    .join('\n');
}

const used = (count: number, limit: number): string =>
  Number.isFinite(limit) ? `${formatCount(count)}/${formatCount(limit)}` : formatCount(count);
