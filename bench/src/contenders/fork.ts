import { fork } from 'node:child_process';
import { BULK_FLOATS, type Contender, pingMessage, workerFile } from './contender.js';

/** Node's own child process and message channel; answers come in the order of the requests. */
const forked = (serialization: 'json' | 'advanced'): Contender => ({
  name: `fork ${serialization}`,
  isolation: 'process',
  kind: 'primitive',
  async open() {
    const child = fork(workerFile('echo-fork.js'), { serialization });
    const waiting: ((message: unknown) => void)[] = [];
    child.on('message', (message) => waiting.shift()?.(message));
    const send = (message: object) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        child.send(message);
      });
    const floats = new Float32Array(BULK_FLOATS);
    // JSON would carry 1.5 MiB of numbers as text, which is another benchmark.
    const bulk = serialization === 'advanced' ? { bulk: () => send(floats) } : {};
    return { ping: () => send(pingMessage), ...bulk, close: () => child.kill() };
  },
});

export const forkJson = forked('json');
export const forkAdvanced = forked('advanced');
