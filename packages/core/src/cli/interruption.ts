import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { addon } from '@mayfly/native';
import { print } from '../observe/text.js';
import { ExitCode } from './errors.js';

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGUSR1';

/**
 * Whether the command was started to outlive its terminal. Node resets ignored signals at its start, so the launcher `bin/mayfly`, a
 * shell script, passes on whether SIGHUP was ignored. `npx` resets them before the launcher runs, but shells leave the name of the
 * program that they started, nohup, in `_`.
 */
const hangUpIgnored = process.env.MAYFLY_HANGUP === 'ignored' || /(^|\/)nohup$/.test(process.env._ ?? '');

/** SIGUSR1 is the one that every MPI passes on to ranks as it is, and that schedulers send before the time of a job is up. */
const signals: readonly Signal[] = ['SIGINT', 'SIGTERM', 'SIGUSR1', ...(hangUpIgnored ? [] : (['SIGHUP'] as const))];

const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/** The last line of a command that a signal ends at once. */
export const interruptedLine = 'mayfly: interrupted';

/** That line for the terminal: shows the cursor again, which a display has hidden, and erases the display below it. */
const farewell = `${terminals.includes(2) ? '\u001B[?25h\r\u001B[J' : ''}${interruptedLine}\n`;

/** From now on a signal ends the command at once, with exit code 128 + its number, even while JavaScript is busy. */
function endAtOnce(): void {
  const numbers = signals.map((signal) => constants.signals[signal]);
  addon.exitOnSignals(numbers, farewell);
}

let outputMatters = true;

/** From now on the command continues when it cannot write to stdout, since its results are in files. */
export function outliveOutput(): void {
  outputMatters = false;
}

/**
 * Makes signals end the command at once, unless an `Interruption` handles them. Workers notice the end of their parent by themselves.
 * Call once, before anything else.
 *
 * An error of stdout (a closed terminal, a full disk) ends the command, unless `outliveOutput` was called; if its reader has closed the
 * pipe, the command always ends. Errors of stderr are ignored.
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

/** Runs a function that throws when it is interrupted; the process then exits with the signal's exit code. */
export async function untilInterrupted(interruption: Interruption, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (interruption.exitCode === null) throw error;
    process.stderr.write(`${interruptedLine}\n`);
    process.exitCode = interruption.exitCode;
  }
}

/**
 * Until it is disposed of, turns the first SIGINT, SIGTERM, SIGHUP or SIGUSR1 into an abort, so that a run can finish its step and save; the
 * second ends the process at once, or calls `onSecond`. A closed reader of stdout counts as a signal. One at a time.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #onFirst: (signal: Signal | 'SIGPIPE') => void;
  readonly #onSecond: (() => void) | null;
  #exitCode: number | null = null;

  constructor(onFirst: (signal: Signal | 'SIGPIPE') => void = () => {}, onSecond: (() => void) | null = null) {
    this.#onFirst = onFirst;
    this.#onSecond = onSecond;
    for (const signal of signals) process.on(signal, this.#interrupt);
    onBrokenPipe = () => this.#interrupt('SIGPIPE');
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** 128 + the number of the first signal; null before it. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  /** Whether a signal other than Ctrl-C came, after which no more is asked for. */
  get endsProgram(): boolean {
    return this.#exitCode !== null && this.#exitCode !== 128 + constants.signals.SIGINT;
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#interrupt);
    onBrokenPipe = endOfBrokenPipe;
    endAtOnce();
  }

  readonly #interrupt = (signal: Signal | 'SIGPIPE'): void => {
    if (this.#exitCode !== null) {
      this.#onSecond?.();
      return;
    }
    this.#exitCode = 128 + constants.signals[signal];
    // Not by a listener: the second signal must also end a process whose JavaScript is busy.
    if (this.#onSecond === null) endAtOnce();
    this.#onFirst(signal);
    this.#controller.abort();
  };
}
