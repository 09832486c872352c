import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof signals)[number];

/** Runs something that ends by throwing when it is interrupted; the process then ends with the signal's exit code. */
export async function untilInterrupted(interruption: Interruption, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (interruption.exitCode === null) throw error;
    process.stderr.write('mayfly: interrupted\n');
    process.exitCode = interruption.exitCode;
  }
}

/**
 * Turns the first signal to end into an abort, so that a run can finish its step and save; the second one ends the process at
 * once. Workers notice their parent's end by themselves. A reader of stdout that went away counts as a signal.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #onFirst: (signal: Signal | 'SIGPIPE') => void;
  #exitCode: number | null = null;

  constructor(onFirst: (signal: Signal | 'SIGPIPE') => void = () => {}) {
    this.#onFirst = onFirst;
    for (const signal of signals) process.on(signal, this.#onSignal);
    process.stdout.on('error', this.#onStdoutError);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** 128 + the number of the first signal; null while there was none. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#onSignal);
    process.stdout.off('error', this.#onStdoutError);
  }

  readonly #onSignal = (signal: Signal): void => this.#interrupt(signal);

  readonly #onStdoutError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    if (this.#exitCode === null) this.#interrupt('SIGPIPE');
  };

  #interrupt(signal: Signal | 'SIGPIPE'): void {
    if (this.#exitCode !== null) process.exit(this.#exitCode);
    this.#exitCode = 128 + constants.signals[signal];
    this.#onFirst(signal);
    this.#controller.abort();
  }
}
