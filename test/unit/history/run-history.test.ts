import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunHistory, runStatus } from '@mayfly/core/watch';
import { beforeEach, expect, test } from 'vitest';
import { LogWriter } from '../../fixtures/log-lines.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();
let log: LogWriter;
let history: RunHistory;
beforeEach(({ task }) => {
  log = new LogWriter(join(root, task.id));
  history = new RunHistory(log.folder);
});

const worker = (id: number, kernels: number) => ({
  ...{ id, pid: 100 + id, state: kernels === 0 ? 'standby' : 'serving', kernels, age_ms: 500 },
  ...{ compilations: 4, evaluations: 8, budget: { compilations: 20 } },
});
const stepsOf = () => [...history.steps.column('step')];

test('a folder without a log has an empty history', async () => {
  expect(await history.refresh()).toBe(false);
  expect([history.start, history.steps.count, history.lastTime]).toEqual([null, 0, Number.NaN]);
});

test('each refresh takes the records that were added, each once, however their lines were cut', async () => {
  log.start().step(1);
  await history.refresh();
  const line = `${JSON.stringify({ event: 'step', step: 2, loss: 4, time: '2026-01-01T00:00:09Z' })}\n`;
  log.raw(line.slice(0, 20));
  await history.refresh();
  expect(stepsOf()).toEqual([1]);
  log.raw(line.slice(20)).step(3);
  expect(await history.refresh()).toBe(true);
  expect(stepsOf()).toEqual([1, 2, 3]);
  expect(await history.refresh()).toBe(false);
  expect(history.steps.column('loss')[1]).toBe(4);
  expect(history.steps.column('lr')[1]).toBe(Number.NaN);
});

test('lines that a killed process left incomplete are skipped', async () => {
  log.start().step(1).raw('{"event":"step","st').raw('\n').step(2).raw('[1]\n').raw('{"event":"step","step":3}\n');
  await history.refresh();
  expect(stepsOf()).toEqual([1, 2]);
});

test('more steps than a chunk or a first table holds', async () => {
  log.start();
  for (let step = 1; step <= 5000; step++) log.raw(stepLine(step));
  await history.refresh();
  expect(history.steps.count).toBe(5000);
  expect(history.steps.column('loss')[4999]).toBe(1 / 5000);
});

const stepLine = (step: number) =>
  `${JSON.stringify({ event: 'step', step, loss: 1 / step, padding: 'x'.repeat(300), time: '2026-01-01T00:00:00Z' })}\n`;

test('a resume from an earlier step drops what came after, and says so', async () => {
  log.start().step(1).step(2).step(3).write('evaluation', { step: 3, cross_entropy: 1 });
  log.write('sample', { step: 3, prompt: 'a', text: 'b' });
  await history.refresh();
  const { rewinds } = history;
  expect(history.best).toBe(1);
  log.start(2).step(2, 9);
  await history.refresh();
  expect(stepsOf()).toEqual([1, 2]);
  expect(history.steps.column('loss')[1]).toBe(9);
  expect([history.best, history.samples.length, history.sessions.length]).toEqual([null, 0, 2]);
  expect(history.rewinds).toBeGreaterThan(rewinds);
});

test('a log that was begun anew is read anew', async () => {
  log.start().step(1).step(2).step(3);
  await history.refresh();
  rmSync(join(log.folder, 'log.jsonl'));
  log.start().step(1, 7);
  await history.refresh();
  expect([...history.steps.column('loss')]).toEqual([7]);
  writeFileSync(join(log.folder, 'log.jsonl'), '');
  log.step(5);
  await history.refresh();
  expect(stepsOf()).toEqual([5]);
});

test('the lives of workers, from start to exit', async () => {
  log.start(1, [worker(1, 4), worker(2, 0)]);
  const begun = log.time;
  log.write('workerStart', { worker: 3, pid: 103 }).write('workerReady', { worker: 3 });
  log.write('workerRetire', { worker: 1, reason: 'compilations', compilations: 20, evaluations: 90 });
  log.write('kernelMove', { kernel: 'k', from: 1, to: 2, reason: 'update' });
  log.write('workerExit', { worker: 1, exit_code: 0, signal: null, reason: null, expected: true });
  log.write('workerExit', { worker: 2, exit_code: null, signal: 'SIGKILL', reason: null, expected: false });
  log.write('kernelMove', { kernel: 'k', from: null, to: 3, reason: 'recover' });
  await history.refresh();
  const [first, second, third] = history.workers.lives;
  const at = (seconds: number) => begun + 1000 * seconds;
  expect(first).toMatchObject({ worker: 1, start: begun - 500, serving: begun - 500, retire: at(3), exit: at(5) });
  expect(first).toMatchObject({
    end: 'retired',
    reason: 'compilations',
    compilations: 20,
    evaluations: 90,
    budget: 20,
  });
  expect(second).toMatchObject({ worker: 2, serving: at(4), exit: at(6), end: 'died', signal: 'SIGKILL' });
  expect(third).toMatchObject({ worker: 3, start: at(1), ready: at(2), serving: at(7), exit: null, end: null });
  expect(history.workers.moves.map(({ from, to }) => [from, to])).toEqual([
    [1, 2],
    [null, 3],
  ]);
  expect(history.notices.map(({ record }) => record.event)).toEqual(['workerExit']);
  log.write('done', { reason: 'finished' });
  await history.refresh();
  expect(third).toMatchObject({ exit: at(8), end: 'closed' });
});

test('workers of a session whose process was killed end with its last record, and their numbers begin again', async () => {
  log.start(1, [worker(1, 4)]).step(1);
  const killed = log.time;
  log.start(2, [worker(1, 4)]);
  await history.refresh();
  expect(history.workers.lives).toMatchObject([
    { session: 0, worker: 1, exit: killed, end: 'lost' },
    { session: 1, worker: 1, exit: null },
  ]);
});

test('damaged steps and evaluations do not count, and a log without a start says nothing of the run', async () => {
  log.raw('null\n[1]\n{"event":"begin","v":2}\n').write('step', { step: 'one' }).write('evaluation', { step: 1 });
  await history.refresh();
  expect([history.steps.count, history.evaluations, runStatus(history).state]).toEqual([0, [], 'unknown']);
  log.start().step(1);
  await history.refresh();
  expect([history.steps.count, runStatus(history).state]).toEqual([1, 'killed']);
});
