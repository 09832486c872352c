import { readFileSync } from 'node:fs';
import { Pool, processTransport, resolvePoolOptions } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { scaleProgram } from '../../fixtures/programs.js';

const N = 8;

/** The system's answer to what a process is doing: `T` is stopped. */
const stateOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0];

test.skipIf(process.platform !== 'linux')(
  'a stopped worker that was given up and goes on answers nobody, although it does all that it was asked',
  async () => {
    // The pool kills whom it gives up; here that does not reach the first worker until the test is done with it.
    const spared: (() => void)[] = [];
    const options = resolvePoolOptions({ device: 'cpu', timeouts: { dispatchMs: 1000 } });
    const pool = new Pool(options, (arena) => (settings, handlers) => {
      const transport = processTransport(arena)(settings, handlers);
      if (settings.worker !== 1) return transport;
      return { ...transport, signal: (name) => void spared.push(() => transport.signal(name)) };
    });
    await pool.open();
    const first = pool.stats().workers.find(({ state }) => state === 'serving')!;
    const kernel = await pool.compile({ text: scaleProgram(N, 3) });
    const [x, y] = [pool.arena.tensor('fp32', [1, N]), pool.arena.tensor('fp32', [1, N])];
    x.array().fill(2);
    process.kill(first.pid, 'SIGSTOP');
    await expect.poll(() => stateOf(first.pid)).toBe('T');

    let settled = 0;
    await kernel.run(x, y).then(() => settled++);
    expect([...y.array()]).toEqual(Array(N).fill(6));
    expect(pool.stats()).toMatchObject({ dispatches: 1, pending: 0 });
    expect(pool.stats().kernels[0]!.worker).not.toBe(1);

    // It evaluates late: seen by what it writes. That is why a worker is killed before its work is given to another.
    y.array().fill(0);
    process.kill(first.pid, 'SIGCONT');
    await expect.poll(() => y.array()[0]).toBe(6);
    await kernel.run(x, y);
    expect(settled).toBe(1);
    expect(pool.stats()).toMatchObject({ dispatches: 2, pending: 0 });

    const ended = pool.destroy();
    for (const kill of spared) kill();
    await ended;
  },
);
