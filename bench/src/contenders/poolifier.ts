import { BULK_FLOATS, type Contender, pingMessage, workerFile } from './contender.js';

export const poolifierProcess: Contender = {
  name: 'poolifier cluster',
  isolation: 'process',
  kind: 'pool',
  async open() {
    const { FixedClusterPool } = await import('poolifier');
    const pool = new FixedClusterPool(1, workerFile('echo-poolifier-cluster.cjs'), {
      settings: { serialization: 'advanced' },
    });
    const floats = new Float32Array(BULK_FLOATS);
    return {
      ping: () => pool.execute(pingMessage),
      bulk: () => pool.execute(floats),
      close: () => pool.destroy(),
    };
  },
};

export const poolifierThread: Contender = {
  name: 'poolifier thread',
  isolation: 'thread',
  kind: 'pool',
  async open() {
    const { FixedThreadPool } = await import('poolifier');
    const pool = new FixedThreadPool(1, workerFile('echo-poolifier-thread.cjs'));
    const floats = new Float32Array(BULK_FLOATS);
    return {
      ping: () => pool.execute(pingMessage),
      bulk: () => pool.execute(floats),
      close: () => pool.destroy(),
    };
  },
};
