import { closeSync } from 'node:fs';
import { Socket } from 'node:net';

/** Enough for a stack trace or a sanitizer's summary. */
const TAIL_BYTES = 8 * 1024;

/** Drains a worker's stderr, so that it never blocks on it, and keeps the last lines for error reports. */
export class StderrTail {
  #text = '';
  readonly #stream: Socket | null;
  /** Settles when the worker's end is closed, so that nothing it said is missing from `text`. */
  readonly ended: Promise<void>;

  constructor(fd: number) {
    let stream: Socket | null = null;
    try {
      stream = new Socket({ fd, readable: true, writable: false });
    } catch {
      closeSync(fd);
    }
    this.#stream = stream;
    if (stream === null) {
      this.ended = Promise.resolve();
      return;
    }
    stream.unref();
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-TAIL_BYTES);
    });
    stream.on('error', () => {});
    this.ended = new Promise((resolve) => stream.once('close', () => resolve()));
  }

  get text(): string {
    return this.#text.trimEnd();
  }

  close(): void {
    this.#stream?.destroy();
  }
}
