import { closeSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileError } from '../files/errors.js';
import { makeFolder } from '../files/folders.js';

const BUFFERED = 2 ** 16;

/**
 * A file to which an observer of a run appends. Writes are collected until there are many, or `flush` is called; its owner does so before the process exits.
 * If one fails, the observer must not end the run: one warning is emitted, and the rest is dropped.
 */
export class RecordFile implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #failed = false;
  #closed = false;

  /** Makes the file anew. @throws `ERR_FILE`. */
  constructor(path: string, purpose: string) {
    this.#path = path;
    try {
      makeFolder(dirname(path));
      this.#fd = openSync(path, 'w');
    } catch (error) {
      throw fileError(`write ${purpose} to ${path}`, error);
    }
  }

  /** @param part Bytes are not copied: they must stay as they are until `flush`. */
  write(part: string | Buffer): void {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= BUFFERED) this.flush();
  }

  flush(): void {
    const [only] = this.#parts;
    const bytes = only !== undefined && this.#parts.length === 1 ? only : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    if (this.#failed || this.#closed) return;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      this.#failed = true;
      process.emitWarning(`${this.#path} cannot be written, the run goes on without: ${(error as Error).message}`);
    }
  }

  /** Writes the rest. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    closeSync(this.#fd);
  }
}
