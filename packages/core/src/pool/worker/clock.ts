import { LONGEST_MS } from '../../check.js';

/** The longest that passes between two looks at the time, for deadlines of up to `TICK_MS * TICKS`. */
const TICK_MS = 250;
/** Longer deadlines, such as a worker's age, are looked at this many times at least: a day is no matter of milliseconds. */
const TICKS = 4096;
/** A look that comes later than this after it was due comes from a process that did not run. */
const SLACK_MS = 100;

/** Something that is due after a while. */
export interface Deadline {
  /** It no longer keeps the event loop alive. Returns itself. */
  unref(): Deadline;
  /** It is not due any more. Idempotent. */
  cancel(): void;
}

interface Entry extends Deadline {
  /** Of the clock's time. */
  readonly at: number;
  readonly referenced: boolean;
  readonly due: () => void;
}

/**
 * The time by which a pool judges its workers. It stands still while this process does not run: while it is stopped, while the
 * machine sleeps, while user code blocks the event loop. And no deadline runs out before the event loop has delivered what
 * had arrived by then: who has answered in time is never late.
 *
 * The clock looks at the steady time in short intervals while a deadline is set. A look that comes much later than it was due
 * tells of a stall, and the interval does not count; of stalls that follow upon each other it counts a tick each, so that a
 * process that always blocks its event loop still notices a worker that hangs. Without a deadline all time counts.
 */
export class Clock {
  readonly #steady: () => number;
  readonly #deadlines = new Set<Entry>();
  #timer: NodeJS.Timeout | null = null;
  /** In the steady time: the last look, and when the next one is due. */
  #looked = 0;
  #expected = Number.POSITIVE_INFINITY;
  /** Steady time that did not count. */
  #lost = 0;
  #stalled = false;
  #judging = false;

  /** @param steady Milliseconds that never go back. Tests bring their own. */
  constructor(steady: () => number = () => performance.now()) {
    this.#steady = steady;
  }

  /** The milliseconds that counted. After a stall the value may go back, by a tick at most. */
  now(): number {
    return Math.min(this.#steady(), this.#expected) - this.#lost;
  }

  /** Calls `due` once, so many milliseconds from now; Infinity: never. Keeps the event loop alive until then. */
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

  /** Looks when this deadline is over, or a tick from now; where a look is due before, that one will do. */
  #lookBy(at: number): void {
    const now = this.#steady();
    const left = at + this.#lost - now;
    const tick = Math.min(Math.max(TICK_MS, left / TICKS), LONGEST_MS);
    // One that is over already is being judged.
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

  /** Takes off the time in which this process did not run since the last look. No look is due from then on. */
  #account(): void {
    const now = this.#steady();
    const late = now - this.#expected;
    const stalled = late > SLACK_MS;
    if (stalled) this.#lost += this.#stalled ? late : now - this.#looked;
    this.#stalled = stalled;
    this.#looked = now;
    this.#expected = Number.POSITIVE_INFINITY;
  }

  /** Twice through the event loop: one poll of it reads no more than a piece of what a socket holds. */
  #judge(): void {
    if (this.#judging || this.#over().length === 0) return;
    this.#judging = true;
    setImmediate(() =>
      setImmediate(() => {
        this.#judging = false;
        for (const entry of this.#over()) {
          // One of those before may have cancelled it.
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
