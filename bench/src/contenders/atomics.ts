import { Worker } from 'node:worker_threads';
import { type Contender, workerFile } from './contender.js';

type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
) => { async: boolean; value: Promise<string> | string };

/** Two words of shared memory and `Atomics.waitAsync`: one request at a time. */
export const atomics: Contender = {
  name: 'Atomics.waitAsync',
  isolation: 'thread',
  kind: 'primitive',
  async open() {
    const shared = new SharedArrayBuffer(8);
    const words = new Int32Array(shared);
    const worker = new Worker(workerFile('echo-atomics.js'), { workerData: shared });
    const { waitAsync } = Atomics as unknown as { waitAsync: WaitAsync };
    return {
      async ping() {
        const round = Atomics.add(words, 0, 1);
        Atomics.notify(words, 0);
        while (Atomics.load(words, 1) === round) await waitAsync(words, 1, round).value;
      },
      close: () => worker.terminate(),
    };
  },
};
