import { workerData } from 'node:worker_threads';

// Word 0 counts requests, word 1 answers.
const words = new Int32Array(workerData as SharedArrayBuffer);
for (let round = 0; ; round++) {
  while (Atomics.load(words, 0) === round) Atomics.wait(words, 0, round);
  Atomics.add(words, 1, 1);
  Atomics.notify(words, 1);
}
