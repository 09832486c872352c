import { LiveLines } from './live-lines.js';
import { canRedraw, print, printable } from './text.js';

/** Nothing is shown for the first two seconds. */
const PATIENCE_MS = 2000;

/**
 * Shows on stderr what a command is doing, once it has taken two seconds: on a terminal in one line that is redrawn, otherwise in a line
 * every two seconds.
 */
export class StatusLine implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #line: LiveLines | null;
  readonly #started = performance.now();
  #shownAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#line = canRedraw(stream) ? new LiveLines(stream) : null;
  }

  show(text: string): void {
    const now = performance.now();
    if (now - this.#started < PATIENCE_MS) return;
    if (this.#line !== null) this.#line.show(printable(text));
    else if (now - this.#shownAt >= PATIENCE_MS) print(this.#stream, `${text}\n`);
    else return;
    this.#shownAt = now;
  }

  [Symbol.dispose](): void {
    this.#line?.clear();
  }
}
