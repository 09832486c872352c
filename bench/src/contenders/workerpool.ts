import { BULK_FLOATS, type Contender, pingMessage, workerFile } from './contender.js';

const workerpool = (workerType: 'process' | 'thread'): Contender => ({
  name: `workerpool ${workerType}`,
  isolation: workerType,
  kind: 'pool',
  async open() {
    const { default: module } = await import('workerpool');
    const pool = module.pool(workerFile('echo-workerpool.js'), {
      workerType,
      minWorkers: 1,
      maxWorkers: 1,
      forkOpts: { serialization: 'advanced' },
    });
    const floats = new Float32Array(BULK_FLOATS);
    return {
      ping: async () => await pool.exec('echo', [pingMessage]),
      bulk: async () => await pool.exec('echo', [floats]),
      close: async () => await pool.terminate(true),
    };
  },
});

export const workerpoolProcess = workerpool('process');
export const workerpoolThread = workerpool('thread');
