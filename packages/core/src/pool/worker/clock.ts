import { LONGEST_MS } from '../../check.js';

/** The longest interval between two readings of the time, for deadlines of up to `TICK_MS * TICKS`. */
const TICK_MS = 250;
/** Before a longer deadline, such as a worker's age, the time is read this many times: a day needs no precision of 250 ms. */
const TICKS = 4096;
/** A reading later than this shows that the process did not run. */
const SLACK_MS = 100;

/** A scheduled call. */
export interface Deadline {
  /** Lets the event loop end before it is due. Returns itself. */
  unref(): Deadline;
  /** Idempotent. */
  cancel(): void;
}

interface Entry extends Deadline {
  /** In the clock's time. */
  readonly at: number;
  readonly referenced: boolean;
  readonly due: () => void;
}

/**
 * The time of a pool's deadlines. It stands still while this process does not run: while it is stopped, while the machine
 * sleeps, while user code blocks the event loop. And no deadline runs out before the event loop has delivered the answers that
 * had arrived by then.
 *
 * While a deadline is set, the clock reads the steady time at short intervals. A reading that comes much later than it was due
 * shows a stall, and the interval does not count. Of stalls in a row, each after the first counts as one tick, so that a
 * process that always blocks its event loop still notices a worker that hangs. Without a deadline all time counts.
 */
export class Clock {
  readonly #steady: () => number;
  readonly #deadlines = new Set<Entry>();
  #timer: NodeJS.Timeout | null = null;
  /** In steady time: the last reading, and when the next one is due. */
  #looked = 0;
  #expected = Number.POSITIVE_INFINITY;
  /** Steady time that did not count. */
  #lost = 0;
  #stalled = false;
  #judging = false;

  /** @param steady Milliseconds that never go back; tests pass their own. */
  constructor(steady: () => number = () => performance.now()) {
    this.#steady = steady;
  }

  /** Milliseconds, without stalls. After a stall the value may go back, by a tick at most. */
  now(): number {
    return Math.min(this.#steady(), this.#expected) - this.#lost;
  }

  /** Calls `due` once, so many milliseconds from now; never if that is Infinity. Keeps the event loop alive until then. */
  after(milliseconds: number, due: () => void): Deadline {
    const entry = {
      at: this.now() + milliseconds,
      referenced: true,
      due,
      unref: () => {
        entry.referenced = false;
        this.#reference();
        return entry;
      },
      cancel: () => {
        if (this.#deadlines.delete(entry)) this.#reference();
      },
    };
    if (milliseconds === Number.POSITIVE_INFINITY) return entry;
    if (this.#timer === null) {
      this.#looked = this.#steady();
      this.#stalled = false;
    }
    this.#deadlines.add(entry);
    this.#lookBy(entry.at);
    this.#reference();
    return entry;
  }

  /** Makes sure that the time is read when this deadline is over, or a tick from now if that is earlier. */
  #lookBy(at: number): void {
    const now = this.#steady();
    const left = at + this.#lost - now;
    const tick = Math.min(Math.max(TICK_MS, left / TICKS), LONGEST_MS);
    // A deadline that is over is being checked already.
    const expected = now + (left > 0 ? Math.min(left, tick) : tick);
    if (expected >= this.#expected) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#expected = expected;
    this.#timer = setTimeout(() => this.#look(), Math.ceil(expected - now));
  }

  #look(): void {
    this.#timer = null;
    this.#account();
    for (const { at } of this.#deadlines) this.#lookBy(at);
    this.#reference();
    this.#judge();
  }

  /** Subtracts the time in which this process did not run since the last reading. No reading is due from then on. */
  #account(): void {
    const now = this.#steady();
    const late = now - this.#expected;
    const stalled = late > SLACK_MS;
    if (stalled) this.#lost += this.#stalled ? late : now - this.#looked;
    this.#stalled = stalled;
    this.#looked = now;
    this.#expected = Number.POSITIVE_INFINITY;
  }

  /** Calls what is due, after two turns of the event loop: one poll reads only a part of what a socket holds. */
  #judge(): void {
    if (this.#judging || this.#over().length === 0) return;
    this.#judging = true;
    setImmediate(() =>
      setImmediate(() => {
        this.#judging = false;
        for (const entry of this.#over()) {
          // A call before it may have cancelled it.
          if (!this.#deadlines.delete(entry)) continue;
          this.#reference();
          entry.due();
        }
      }),
    );
  }

  #over(): Entry[] {
    const now = this.now();
    return [...this.#deadlines].filter(({ at }) => at <= now);
  }

  #reference(): void {
    if (this.#timer === null) return;
    if (this.#deadlines.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#account();
    } else if ([...this.#deadlines].some(({ referenced }) => referenced)) this.#timer.ref();
    else this.#timer.unref();
  }
}
