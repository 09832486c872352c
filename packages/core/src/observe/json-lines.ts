import { countParameters } from '../model/count-parameters.js';
import type { TrainSummary } from '../train/train-summary.js';
import type { Trainer } from '../train/trainer.js';
import type { Reporter } from './reporter.js';

/**
 * One JSON object per line, with an `event` and its fields in snake_case; times end in `_ms` and are milliseconds. What is no
 * finite number (the norm of overflowed gradients) is null, as JSON has it.
 */
export class JsonLines implements Reporter {
  readonly #stream: { write(text: string): unknown };

  constructor(stream: { write(text: string): unknown }) {
    this.#stream = stream;
  }

  start(trainer: Trainer): void {
    const { pool, options, config, step } = trainer;
    this.#write('start', {
      device: pool.device,
      deviceReason: pool.deviceReason,
      model: options.model,
      parameters: countParameters(config),
      config,
      data: options.data,
      precision: options.precision,
      products: pool.products,
      weights: options.weights,
      steps: options.steps,
      firstStep: step + 1,
      tokensPerStep: options.batch * options.seq * options.accumulate,
      out: options.out ?? null,
      workers: pool.stats().workers,
    });
    trainer.on('step', (record) => this.#write('step', record));
    trainer.on('checkpoint', (event) => this.#write('checkpoint', event));
    for (const name of ['worker-start', 'worker-ready', 'worker-retire', 'worker-exit', 'budget-lowered'] as const) {
      trainer.on(name, (event: object) => this.#write(name, event));
    }
    trainer.on('kernel-move', (event) => {
      // An update in place is a compilation, but nothing that moves.
      if (event.from !== event.to) this.#write('kernel-move', event);
    });
  }

  note(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#write(event, fields);
  }

  done(summary: TrainSummary): void {
    this.#write('done', summary);
  }

  [Symbol.dispose](): void {}

  #write(event: string, fields: object): void {
    this.#stream.write(`${toJsonLine({ event, ...fields })}\n`);
  }
}

/** One line, keys in snake_case. */
export function toJsonLine(value: object): string {
  return JSON.stringify(withSnakeCaseKeys(value));
}

function withSnakeCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeCaseKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, field]) => [snakeCase(key), withSnakeCaseKeys(field)]);
  return Object.fromEntries(entries);
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
