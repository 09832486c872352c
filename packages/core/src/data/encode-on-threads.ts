import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { MayflyError } from '@mayfly/native';
import type { DataRange } from './data-files.js';
import type { EncodedPart, EncodeOptions, ReadOptions } from './encode-part.js';
import type { TokenizerFiles } from './tokenizer-files.js';

/** The thread's `workerData`. */
export interface ThreadTask {
  /** As `openTokenizer` takes it: the thread opens its own. */
  readonly source: string | TokenizerFiles;
  readonly options: EncodeOptions;
}

/** A message of a thread: bytes done since the last one, a part, or an error, which loses its class and code on the way. */
export type ThreadMessage =
  | { readonly done: number }
  | { readonly part: EncodedPart }
  | { readonly code: string; readonly message: string };

/** A thread opens its tokenizer in the time in which another encodes about this much. */
const BYTES_PER_THREAD = 2 ** 20;

/** Encodes parts on threads and yields them in their order. The threads end with the generator. */
export async function* encodeOnThreads(
  parts: readonly (readonly DataRange[])[],
  task: ThreadTask,
  { progress, signal }: ReadOptions,
): AsyncGenerator<EncodedPart> {
  const bytes = parts.flat().reduce((sum, range) => sum + range.bytes, 0);
  const most = Math.min(parts.length, availableParallelism(), Math.ceil(bytes / BYTES_PER_THREAD));
  const threads = Array.from({ length: Math.max(1, most) }, () => new EncodingThread(task, progress));
  const stop = () => {
    for (const thread of threads) thread.end();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    // A thread begins its next part when the one before was taken, so that at most two parts of each wait in memory.
    const waiting = parts.slice(0, threads.length).map((part, index) => threads[index]!.encode(part));
    for (const promise of waiting) promise.catch(() => {});
    for (const index of parts.keys()) {
      const encoded = await waiting[index]!;
      const next = parts[index + threads.length];
      if (next !== undefined) {
        const promise = threads[index % threads.length]!.encode(next);
        promise.catch(() => {});
        waiting.push(promise);
      }
      yield encoded;
    }
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** A thread that encodes one part at a time. */
class EncodingThread {
  readonly #worker: Worker;
  #answer: { resolve(part: EncodedPart): void; reject(reason: unknown): void } | null = null;

  constructor(task: ThreadTask, progress: ReadOptions['progress']) {
    // Node's flags are for the program: `--input-type` and the like would be refused for a file.
    this.#worker = new Worker(new URL('./tokenize-thread.js', import.meta.url), { workerData: task, execArgv: [] });
    this.#worker.on('message', (message: ThreadMessage) => {
      if ('done' in message) progress.add(message.done);
      else if ('part' in message) this.#answer?.resolve(message.part);
      else this.#answer?.reject(new MayflyError(message.code, message.message));
    });
    this.#worker.on('error', (error) => this.#answer?.reject(error));
    this.#worker.on('exit', () =>
      this.#answer?.reject(new Error('A thread that encodes text ended without an answer')),
    );
  }

  encode(part: readonly DataRange[]): Promise<EncodedPart> {
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      this.#worker.postMessage(part);
    });
  }

  end(): Promise<number> {
    return this.#worker.terminate();
  }
}
