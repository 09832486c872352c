import { createPool } from '@mayfly/core';
import type { CompileMessage, DispatchMessage, WorkerMessage } from '@mayfly/core/observe';
import { afterEach, expect, test } from 'vitest';
import { hear } from '../../fixtures/heard-channels.js';
import { scaleProgram } from '../../fixtures/programs.js';

const N = 8;
afterEach(() => {
  delete process.env.MAYFLY_SIM_FAULTS;
});

const of = <Message>(heard: readonly { channel: string; message: unknown }[], channel: string) =>
  heard.filter((each) => each.channel === channel).map(({ message }) => message as Message);

test('channels say what a pool does, with times of one clock', async () => {
  using ear = hear(['mayfly:worker', 'mayfly:kernel'], ['mayfly:dispatch', 'mayfly:compile']);
  const began = performance.now();
  const pool = await createPool({ device: 'cpu', standby: 0 });
  const kernel = await pool.compile({ name: 'triple', text: scaleProgram(N, 3) });
  const [x, y] = [pool.arena.tensor('fp32', [1, N]), pool.arena.tensor('fp32', [1, N])];
  for (let run = 0; run < 3; run++) await kernel.run(x, y);
  await pool.recycle();
  await pool.close();
  const ended = performance.now();
  const { heard } = ear;

  const workers = of<WorkerMessage>(heard, 'mayfly:worker');
  expect(workers.filter(({ worker }) => worker === 1).map(({ event }) => event)).toEqual([
    ...['workerStart', 'workerReady', 'workerServe', 'workerRetire', 'workerDrain', 'workerExit'],
  ]);
  expect(workers.every((message) => message.pool === pool)).toBe(true);
  expect(workers.find(({ event }) => event === 'workerExit')).toMatchObject({ compilations: 1, evaluations: 3 });

  const compilations = of<CompileMessage>(heard, 'mayfly:compile end');
  expect(compilations).toMatchObject([
    { kernel: 'triple', worker: 1, reason: 'compile', pool },
    { kernel: 'triple', worker: 2, reason: 'retire', pool },
  ]);
  const dispatches = of<DispatchMessage>(heard, 'mayfly:dispatch end');
  expect(dispatches.map(({ id, worker, kernel }) => ({ id, worker, kernel }))).toEqual(
    [0, 1, 2].map((id) => ({ id, worker: 1, kernel: 'triple' })),
  );
  // The clock of the worker is that of this process: everything lies in order on it, to the microsecond of the conversion.
  const spans = [compilations[0]!.compilation!, ...dispatches.map(({ evaluation }) => evaluation!)];
  const times = [began, ...spans.flatMap(({ beganMs, endedMs }) => [beganMs, endedMs]), ended];
  expect(times.map((time, at) => time - (times[at - 1] ?? 0) > -0.01)).toEqual(times.map(() => true));
  for (const { sentMs, evaluation } of dispatches) expect(evaluation!.beganMs).toBeGreaterThan(sentMs - 0.01);
});

test('a dispatch that its worker took along ends on its channel with the error, and is sent again', async () => {
  process.env.MAYFLY_SIM_FAULTS = JSON.stringify({ evaluate: [{ fault: 'crash', at: 2 }] });
  await using pool = await createPool({ device: 'sim:m4,no-rules', standby: 0 });
  delete process.env.MAYFLY_SIM_FAULTS;
  const kernel = await pool.compile({ name: 'triple', text: scaleProgram(N, 3) });
  const [x, y] = [pool.arena.tensor('fp32', [1, N]), pool.arena.tensor('fp32', [1, N])];
  await kernel.run(x, y);
  using ear = hear([], ['mayfly:dispatch']);
  await kernel.run(x, y);
  expect(ear.heard.map(({ channel }) => channel.split(' ')[1])).toEqual(['start', 'end', 'start', 'end']);
  expect(of<DispatchMessage>(ear.heard, 'mayfly:dispatch end')).toMatchObject([
    { worker: 1, id: 1, error: { code: 'ERR_WORKER_LOST' } },
    { worker: 2, id: 0, evaluation: { nanoseconds: expect.any(Number) } },
  ]);
  expect(of<DispatchMessage>(ear.heard, 'mayfly:dispatch end')[0]!.evaluation).toBeUndefined();
});
