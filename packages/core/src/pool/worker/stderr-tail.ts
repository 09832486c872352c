import { closeSync } from 'node:fs';
import { Socket } from 'node:net';

/** Enough for a stack trace or a sanitizer's summary. */
const TAIL_BYTES = 8 * 1024;

/** Drains a worker's stderr, so that it never blocks on it, and keeps the last lines for error reports. */
export class StderrTail {
  #text = '';
  readonly #stream: Socket | null;
  constructor(fd: number) {
    let stream: Socket | null = null;
    try {
      stream = new Socket({ fd, readable: true, writable: false });
    } catch {
      closeSync(fd);
    }
    this.#stream = stream;
    if (stream === null) return;
    stream.unref();
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-TAIL_BYTES);
    });
    stream.on('error', () => {});
  }

  get text(): string {
    return this.#text.trimEnd();
  }

  /**
   * Calls `done` once `text` has all that the worker said, which has exited: the system closes a process's descriptors before it
   * tells of its exit, so that the event loop's next poll reads the last of it. The end of the stream is not waited for: a
   * process that the worker has started may hold it open.
   */
  finish(done: () => void): void {
    // The first runs after the poll that told of the exit.
    setImmediate(() =>
      setImmediate(() => {
        this.#stream?.destroy();
        done();
      }),
    );
  }
}
