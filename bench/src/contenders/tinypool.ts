import { BULK_FLOATS, type Contender, pingMessage, workerFile } from './contender.js';

const tinypool = (runtime: 'child_process' | 'worker_threads'): Contender => ({
  name: `tinypool ${runtime}`,
  isolation: runtime === 'child_process' ? 'process' : 'thread',
  kind: 'pool',
  async open() {
    const { Tinypool } = await import('tinypool');
    const pool = new Tinypool({
      filename: workerFile('echo-function.js'),
      runtime,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 16,
      serialization: 'advanced',
      // Its children otherwise start with an empty environment.
      env: process.env as Record<string, string>,
    });
    const floats = new Float32Array(BULK_FLOATS);
    return { ping: () => pool.run(pingMessage), bulk: () => pool.run(floats), close: () => pool.destroy() };
  },
});

export const tinypoolProcess = tinypool('child_process');
export const tinypoolThread = tinypool('worker_threads');
