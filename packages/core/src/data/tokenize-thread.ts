// The thread of `tokenizeOnThread`.
import { parentPort, workerData } from 'node:worker_threads';
import { isMayflyError } from '@mayfly/native';
import { openTokenizer } from './open-tokenizer.js';
import { tokenizeFiles } from './tokenize-files.js';
import type { ThreadMessage, ThreadTask } from './tokenize-on-thread.js';

/** A message for this many bytes, not for every document, of which there may be millions. */
const PROGRESS_BYTES = 2 ** 16;

const send = (message: ThreadMessage, transferred: ArrayBuffer[] = []) => parentPort!.postMessage(message, transferred);

let done = 0;
const progress = {
  add(bytes: number) {
    done += bytes;
    if (done < PROGRESS_BYTES) return;
    send({ done });
    done = 0;
  },
};

try {
  const { files, source } = workerData as ThreadTask;
  const tokens = await tokenizeFiles(files, openTokenizer(source), { progress });
  send({ tokens }, [tokens.buffer]);
} catch (error) {
  if (!isMayflyError(error)) throw error;
  send({ code: error.code, message: error.message });
}
