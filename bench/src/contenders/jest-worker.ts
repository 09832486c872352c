import { BULK_FLOATS, type Contender, pingMessage, workerFile } from './contender.js';

type Echo = { echo(message: unknown): Promise<unknown> };

const jestWorker = (threads: boolean): Contender => ({
  name: `jest-worker ${threads ? 'thread' : 'process'}`,
  isolation: threads ? 'thread' : 'process',
  kind: 'pool',
  async open() {
    const { Worker } = await import('jest-worker');
    const pool = new Worker(workerFile('echo-function.js'), {
      numWorkers: 1,
      enableWorkerThreads: threads,
      exposedMethods: ['echo'],
    }) as InstanceType<typeof Worker> & Echo;
    const floats = new Float32Array(BULK_FLOATS);
    return { ping: () => pool.echo(pingMessage), bulk: () => pool.echo(floats), close: () => pool.end() };
  },
});

export const jestWorkerProcess = jestWorker(false);
export const jestWorkerThread = jestWorker(true);
