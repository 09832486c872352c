import { type ChildProcess, spawn } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { appleTool } from './apple-tools.js';
import { type PowerState, readPowerState } from './power-state.js';

const INTERVAL_MS = 60_000;

export interface PowerWatchOptions {
  /** Called with the first state, and with each one that differs from the one before. */
  readonly onState: (state: PowerState) => void;
  /** Leaves idle sleep to the system. */
  readonly allowSleep: boolean;
  /** From one look at the state to the next. Default: 60,000. */
  readonly intervalMs?: number;
}

/**
 * While it is open, keeps a Mac from idle sleep, and watches its low-power mode and thermal pressure. Does nothing on other systems.
 *
 * `caffeinate -i -w PID`, a child, holds the system awake until it is ended, or until this process ends, however it ends.
 */
export class PowerWatch implements Disposable {
  readonly #onState: (state: PowerState) => void;
  readonly #keeper: ChildProcess | null;
  readonly #timer: NodeJS.Timeout | null = null;
  #state: PowerState | null = null;
  #isOpen = true;

  private constructor({ onState, allowSleep, intervalMs = INTERVAL_MS }: PowerWatchOptions) {
    this.#onState = onState;
    this.#keeper = allowSleep ? null : keepAwake();
    if (appleTool('pmset') !== null) this.#timer = setInterval(() => void this.#look(), intervalMs).unref();
  }

  /** Opens it, with the first state. */
  static async open(options: PowerWatchOptions): Promise<PowerWatch> {
    const watch = new PowerWatch(options);
    if (watch.#timer !== null) await watch.#look();
    return watch;
  }

  [Symbol.dispose](): void {
    this.#isOpen = false;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#keeper?.kill();
  }

  async #look(): Promise<void> {
    const state = await readPowerState();
    if (!this.#isOpen || isDeepStrictEqual(state, this.#state)) return;
    this.#state = state;
    this.#onState(state);
  }
}

function keepAwake(): ChildProcess | null {
  const path = appleTool('caffeinate');
  if (path === null) return null;
  const child = spawn(path, ['-i', '-w', String(process.pid)], { stdio: 'ignore' });
  child.once('error', ({ message }) => {
    process.emitWarning(`Cannot keep the system from idle sleep: ${message}`);
  });
  child.unref();
  return child;
}
