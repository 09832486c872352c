import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '../files/errors.js';
import { logName, recordIn } from '../run/run-log.js';

/** A line of `log.jsonl`: keys in snake_case. */
export type LogRecord = Readonly<Record<string, unknown>>;

const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/** Reads the records that a run's log has gained since the last read. */
export class LogTail {
  readonly #path: string;
  #offset = 0;
  /** The file that was read last. A log that was removed and written anew is another one. */
  #inode = 0;
  /** The beginning of a line whose end is not written yet. */
  #rest = Buffer.alloc(0);

  constructor(folder: string) {
    this.#path = join(folder, logName);
  }

  /**
   * Passes on new records, oldest first, in chunks between which other work gets its turn. Incomplete and damaged lines are left out.
   *
   * @param onRestart Called before the first record where the file is not the one that was read before, or became shorter.
   * @returns Whether there was anything new. False where the file does not exist.
   * @throws `ERR_FILE` if the file cannot be read.
   */
  async read(onRecord: (record: LogRecord) => void, onRestart: () => void): Promise<boolean> {
    let file: FileHandle;
    try {
      file = await open(this.#path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw fileError(`read ${this.#path}`, error);
    }
    try {
      const { ino, size } = await file.stat();
      if (this.#offset > 0 && (ino !== this.#inode || size < this.#offset)) {
        this.#offset = 0;
        this.#rest = Buffer.alloc(0);
        onRestart();
      }
      this.#inode = ino;
      const start = this.#offset;
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - start));
      while (this.#offset < size) {
        const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, size - this.#offset), this.#offset);
        if (bytesRead === 0) break;
        this.#offset += bytesRead;
        this.#take(chunk.subarray(0, bytesRead), onRecord);
      }
      return this.#offset > start;
    } finally {
      await file.close();
    }
  }

  #take(bytes: Buffer, onRecord: (record: LogRecord) => void): void {
    const end = bytes.lastIndexOf(NEWLINE);
    if (end < 0) {
      this.#rest = Buffer.concat([this.#rest, bytes]);
      return;
    }
    const lines = Buffer.concat([this.#rest, bytes.subarray(0, end)]).toString('utf8');
    this.#rest = Buffer.from(bytes.subarray(end + 1));
    for (const line of lines.split('\n')) {
      const record = recordIn(line);
      if (record !== null) onRecord(record);
    }
  }
}

/** A field's number or text; null for anything else. */
export const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);
export const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
