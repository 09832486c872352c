import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { MayflyError } from '@mayfly/native';
import type { ReadOptions, TextFile } from './text-files.js';
import type { Tokens } from './tokenize-files.js';
import type { TokenizerFiles } from './tokenizer-files.js';

/** The thread's `workerData`. */
export interface ThreadTask {
  readonly files: readonly TextFile[];
  /** As `openTokenizer` takes it: the thread opens its own. */
  readonly source: string | TokenizerFiles;
}

/** A message of the thread: bytes done since the last one, or how it ended, once. An error loses its class and code on the way. */
export type ThreadMessage =
  | { readonly done: number }
  | { readonly tokens: Tokens }
  | { readonly code: string; readonly message: string };

/** `tokenizeFiles` on a thread of its own, which ends with the task. */
export async function tokenizeOnThread(
  files: readonly TextFile[],
  source: string | TokenizerFiles,
  { progress, signal }: ReadOptions,
): Promise<Tokens> {
  const workerData: ThreadTask = { files, source };
  // Node's flags are for the program: `--input-type` and the like would be refused for a file.
  const thread = new Worker(new URL('./tokenize-thread.js', import.meta.url), { workerData, execArgv: [] });
  let end: ThreadMessage | undefined;
  thread.on('message', (message: ThreadMessage) => {
    if ('done' in message) progress.add(message.done);
    else end = message;
  });
  const stop = () => void thread.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await once(thread, 'exit');
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  signal?.throwIfAborted();
  if (end !== undefined && 'tokens' in end) return end.tokens;
  if (end !== undefined && 'code' in end) throw new MayflyError(end.code, end.message);
  throw new Error('The thread that encodes text ended without an answer');
}
