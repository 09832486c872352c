// A thread of `encodeOnThreads`.
import { parentPort, workerData } from 'node:worker_threads';
import { isMayflyError } from '@mayfly/native';
import type { DataRange } from './data-files.js';
import type { ThreadMessage, ThreadTask } from './encode-on-threads.js';
import { encodePart } from './encode-part.js';
import { openTokenizer } from './open-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

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

const { source, options } = workerData as ThreadTask;
let tokenizer: Tokenizer | undefined;

parentPort!.on('message', async (ranges: readonly DataRange[]) => {
  try {
    tokenizer ??= openTokenizer(source);
    const part = await encodePart(ranges, tokenizer, options, { progress });
    send({ part }, [part.tokens.buffer, ...(part.marks === null ? [] : [part.marks.buffer])]);
  } catch (error) {
    // Anything else ends the thread, and with it the task.
    if (!isMayflyError(error)) throw error;
    send({ code: error.code, message: error.message });
  }
});
