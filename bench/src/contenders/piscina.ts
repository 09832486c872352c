import { BULK_FLOATS, type Contender, pingMessage, workerFile } from './contender.js';

export const piscina: Contender = {
  name: 'piscina',
  isolation: 'thread',
  kind: 'pool',
  async open() {
    const { Piscina } = await import('piscina');
    const pool = new Piscina({
      filename: workerFile('echo-function.js'),
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 16,
    });
    const floats = new Float32Array(BULK_FLOATS);
    return { ping: () => pool.run(pingMessage), bulk: () => pool.run(floats), close: () => pool.destroy() };
  },
};
