import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { addon } from '@mayfly/native';
import { print } from '../observe/text.js';
import { ExitCode } from './errors.js';

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/**
 * Whether whoever started the command wants it to outlive its terminal. Node resets ignored signals when it starts, so this
 * is asked of the launcher `bin/mayfly`, which is a shell's script; `npx` does the same as Node before it gets there, but
 * shells leave the name of the program that they started, nohup, in `_`.
 */
const hangUpIgnored = process.env.MAYFLY_HANGUP === 'ignored' || /(^|\/)nohup$/.test(process.env._ ?? '');

const signals: readonly Signal[] = hangUpIgnored ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];

const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/** What a signal that ends the command at once writes; a display has hidden the cursor. */
const farewell = `${terminals.includes(2) ? '\u001B[?25h' : ''}mayfly: interrupted\n`;

/** From now on a signal ends the command at once, with exit code 128 + its number, whatever the command is busy with. */
function endAtOnce(): void {
  const numbers = signals.map((signal) => constants.signals[signal]);
  addon.exitOnSignals(numbers, farewell);
}

let outputMatters = true;

/** From now on the command goes on where it cannot write to stdout: its work is kept elsewhere. */
export function outliveOutput(): void {
  outputMatters = false;
}

/**
 * How the command ends where nobody saves anything: at once. Workers notice their parent's end by themselves. Called once,
 * before anything else.
 *
 * An error of stdout (a terminal that is gone, a full disk behind it) ends the command, unless `outliveOutput` was called; a
 * reader of it that went away always does. Errors of stderr only silence it.
 */
export function prepareEnd(): void {
  endAtOnce();
  if (hangUpIgnored) process.on('SIGHUP', () => {});
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') return onBrokenPipe();
    if (!outputMatters) return;
    print(process.stderr, `mayfly: Cannot write to stdout: ${message}\n`);
    process.exit(ExitCode.failure);
  });
  process.stderr.on('error', () => {});
  process.on('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) addon.redirectToNull(fd);
  });
}

const endOfBrokenPipe = (): void => process.exit(128 + constants.signals.SIGPIPE);
let onBrokenPipe = endOfBrokenPipe;

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
 * once. A reader of stdout that went away counts as a signal. For as long as it is not disposed of; one at a time.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #onFirst: (signal: Signal | 'SIGPIPE') => void;
  #exitCode: number | null = null;

  constructor(onFirst: (signal: Signal | 'SIGPIPE') => void = () => {}) {
    this.#onFirst = onFirst;
    for (const signal of signals) process.on(signal, this.#interrupt);
    onBrokenPipe = () => this.#interrupt('SIGPIPE');
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** 128 + the number of the first signal; null while there was none. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#interrupt);
    onBrokenPipe = endOfBrokenPipe;
    endAtOnce();
  }

  readonly #interrupt = (signal: Signal | 'SIGPIPE'): void => {
    if (this.#exitCode !== null) return;
    this.#exitCode = 128 + constants.signals[signal];
    // Not a listener: the second signal has to end a process that is too busy for listeners.
    endAtOnce();
    this.#onFirst(signal);
    this.#controller.abort();
  };
}
