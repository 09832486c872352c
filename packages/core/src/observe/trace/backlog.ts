/** Handles something that happened. @param atMs When, by `performance.now()`. */
export type Handler = (message: object, atMs: number) => void;

/** Calls of at least ten small steps. */
const CAPACITY = 4096;

/**
 * Calls that are put off until there are many: each alone would find its code and data pushed out of the processor's caches by the work around it,
 * and take several times as long.
 */
export class Backlog {
  readonly #handlers: Handler[] = [];
  readonly #messages: object[] = [];
  readonly #times: number[] = [];

  get isFull(): boolean {
    return this.#handlers.length >= CAPACITY;
  }

  /** Puts off a call. */
  add(handler: Handler, message: object): void {
    this.#handlers.push(handler);
    this.#messages.push(message);
    this.#times.push(performance.now());
  }

  /** Makes the calls, in the order in which they were added. */
  work(): void {
    for (let at = 0; at < this.#handlers.length; at++) this.#handlers[at]!(this.#messages[at]!, this.#times[at]!);
    for (const list of [this.#handlers, this.#messages, this.#times]) list.length = 0;
  }
}
