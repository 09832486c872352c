import { createLogUpdate } from 'log-update';
import { canRedraw, print, printable } from './text.js';

/** What is over sooner needs no words. */
const PATIENCE_MS = 2000;

/**
 * Says on stderr what a command is busy with, where that takes longer than two seconds: on a terminal one line that is drawn
 * again and again, elsewhere a line every two seconds.
 */
export class StatusLine implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #update: ReturnType<typeof createLogUpdate> | null;
  readonly #started = performance.now();
  #shownAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#update = canRedraw(stream) ? createLogUpdate(stream) : null;
  }

  show(text: string): void {
    const now = performance.now();
    if (now - this.#started < PATIENCE_MS) return;
    if (this.#update !== null) this.#update(printable(text));
    else if (now - this.#shownAt >= PATIENCE_MS) print(this.#stream, `${text}\n`);
    else return;
    this.#shownAt = now;
  }

  [Symbol.dispose](): void {
    this.#update?.clear();
    this.#update?.done();
  }
}
