import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createPool, type Pool } from '@mayfly/core';
import { afterEach, expect, test } from 'vitest';
import { isAlive } from '../../fixtures/is-alive.js';
import {
  addWeightProgram,
  scaleProgram,
  slowProgram,
  sumAndDifferenceProgram,
  WEIGHT_PATH,
  weightBlob,
} from '../../fixtures/programs.js';

const N = 64;
let open: Pool[] = [];
const pool = async (...options: Parameters<typeof createPool>) => {
  const made = await createPool(...options);
  open.push(made);
  return made;
};
afterEach(async () => {
  for (const each of open) await each.destroy();
  open = [];
});

const filled = (from: Pool, value: number) => {
  const tensor = from.arena.tensor('fp32', [1, N]);
  tensor.array().fill(value);
  return tensor;
};
const servingPids = (from: Pool) =>
  from
    .stats()
    .workers.filter(({ state }) => state === 'serving')
    .map(({ pid }) => pid);
test('a program is compiled once and evaluated in another process, in place', async () => {
  const p = await pool();
  const kernel = await p.compile({ name: 'scale', text: scaleProgram(N, 3) });
  const x = filled(p, 2);
  const y = filled(p, 0);
  await kernel.run(x, y);
  expect([...y.array()]).toEqual(Array(N).fill(6));
  expect(kernel.inputs).toEqual([{ name: 'x', dtype: 'fp32', shape: [1, N], bytes: 4 * N }]);
  expect(p.stats()).toMatchObject({ dispatches: 1, compilations: 1, deaths: 0 });
});

test.skipIf(process.platform !== 'linux')("a worker has the environment, but for Node's own variables", async () => {
  process.env.NODE_EXTRA_CA_CERTS = '/nowhere.pem';
  process.env.MAYFLY_TEST_ENVIRONMENT = 'seen';
  const p = await pool({ standby: 0 });
  const names = readFileSync(`/proc/${servingPids(p)[0]}/environ`, 'utf8').split('\0');
  expect(names).toContain('MAYFLY_TEST_ENVIRONMENT=seen');
  expect(names.filter((name) => name.startsWith('NODE_'))).toEqual([]);
  delete process.env.NODE_EXTRA_CA_CERTS;
  delete process.env.MAYFLY_TEST_ENVIRONMENT;
});

test.skipIf(process.platform !== 'linux')('a worker has the environment that it is given', async () => {
  const env = {
    PATH: process.env.PATH,
    MAYFLY_TEST_ENVIRONMENT: 'given',
    NODE_OPTIONS: '--no-such-option',
    ABSENT: undefined,
  };
  const p = await pool({ standby: 0, env });
  const environ = readFileSync(`/proc/${servingPids(p)[0]}/environ`, 'utf8').split('\0');
  const names = environ.flatMap((each) => (each === '' ? [] : [each.split('=')[0]]));
  expect(names.filter((name) => !name!.startsWith('MALLOC_')).sort()).toEqual(['MAYFLY_TEST_ENVIRONMENT', 'PATH']);
  expect(environ).toContain('MAYFLY_TEST_ENVIRONMENT=given');
});

test.each([
  { env: ['A=b'] },
  { env: { A: 1 } },
  { env: { 'A=B': 'c' } },
  { env: { A: 'b\0c' } },
  { execArgv: '--inspect' },
  { execArgv: [1] },
])('a worker is not started with %j', async (options) => {
  await expect(createPool(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});

test('a kernel is disposed of at the end of its block', async () => {
  const p = await pool({ standby: 0 });
  {
    await using kernel = await p.compile({ text: scaleProgram(N, 3) });
    await kernel.run(filled(p, 2), filled(p, 0));
    expect(p.stats().kernels).toEqual([kernel.stats()]);
  }
  expect(p.stats().kernels).toEqual([]);
});

test('programs of several inputs and outputs bind in the order of their declaration', async () => {
  const p = await pool();
  const kernel = await p.compile({ text: sumAndDifferenceProgram(N) });
  const [a, b, sum, difference] = [filled(p, 5), filled(p, 3), filled(p, 0), filled(p, 0)];
  await kernel.run([a, b], [sum, difference]);
  expect(sum.array()[0]).toBe(8);
  expect(difference.array()[0]).toBe(2);
});

test('runs called after an update see it, and runs called before do not', async () => {
  const p = await pool();
  const kernel = await p.compile({
    text: addWeightProgram(N),
    weights: { [WEIGHT_PATH]: weightBlob(Array(N).fill(1)) },
  });
  const x = filled(p, 10);
  const outputs = Array.from({ length: 20 }, () => filled(p, 0));
  const runs = outputs.map((y, index) => {
    if (index > 0 && index % 5 === 0) void kernel.update({ [WEIGHT_PATH]: weightBlob(Array(N).fill(1 + index / 5)) });
    return kernel.run(x, y);
  });
  await Promise.all(runs);
  expect(outputs.map((y) => y.array()[0])).toEqual(outputs.map((_, index) => 11 + Math.floor(index / 5)));
});

test('a worker killed in a dispatch is not noticed by the caller', async () => {
  const p = await pool({ standby: 1 });
  const kernel = await p.compile({ text: slowProgram(128, 200) });
  const x = p.arena.tensor('fp32', [128, 128]);
  for (let i = 0; i < 128; i++) x.array()[i * 128 + i] = 1;
  const y = p.arena.tensor('fp32', [128, 128]);
  const [victim] = servingPids(p);
  const run = kernel.run(x, y);
  process.kill(victim!, 'SIGKILL');
  await run;
  expect([...y.array()]).toEqual([...x.array()]);
  expect(isAlive(victim!)).toBe(false);
  expect(servingPids(p)).not.toContain(victim);
});

test('work that ends every worker it meets is given up with a typed error, and bystanders go on', async () => {
  const p = await pool({ attempts: 2 });
  const slow = await p.compile({ name: 'deadly', text: slowProgram(256, 2000) });
  const x = p.arena.tensor('fp32', [256, 256]);
  const run = slow.run(x, p.arena.tensor('fp32', [256, 256]));
  p.on('kernelMove', () => setImmediate(() => process.kill(servingPids(p)[0]!, 'SIGKILL')));
  process.kill(servingPids(p)[0]!, 'SIGKILL');
  await expect(run).rejects.toMatchObject({
    code: 'ERR_WORKER_EXIT',
    kernel: 'deadly',
    signal: 'SIGKILL',
    attempts: 2,
  });
  p.removeAllListeners('kernelMove');
  const kernel = await p.compile({ text: scaleProgram(N, 2) });
  const y = filled(p, 0);
  await kernel.run(filled(p, 4), y);
  expect(y.array()[0]).toBe(8);
});

test('a worker retires at its budget and its kernels move to the standby without a lost call', async () => {
  const p = await pool({ budget: { evaluations: 50 } });
  const exits: unknown[] = [];
  p.on('workerExit', (event) => exits.push(event));
  const kernel = await p.compile({ text: scaleProgram(N, 2) });
  const retired = once(p, 'workerRetire');
  const x = filled(p, 1);
  const y = filled(p, 0);
  while (p.stats().retirements < 3) {
    y.array().fill(0);
    await kernel.run(x, y);
    expect(y.array()[0]).toBe(2);
  }
  const [event] = await retired;
  expect(event).toMatchObject({ reason: 'evaluations' });
  await p.close();
  expect(exits.every((exit) => (exit as { expected: boolean }).expected)).toBe(true);
});

test('every compilation of an update lands on the standby once the budget is spent, and none is wasted', async () => {
  const p = await pool({ budget: { compilations: 3 } });
  const kernel = await p.compile({
    text: addWeightProgram(N),
    weights: { [WEIGHT_PATH]: weightBlob(Array(N).fill(0)) },
  });
  const x = filled(p, 1);
  const y = filled(p, 0);
  for (let step = 1; step <= 20; step++) {
    await kernel.update({ [WEIGHT_PATH]: weightBlob(Array(N).fill(step)) });
    await kernel.run(x, y);
    expect(y.array()[0]).toBe(1 + step);
  }
  const stats = p.stats();
  expect(stats.compilations).toBe(21);
  expect(stats.retirements).toBe(6);
});

test('a budget that cannot hold the kernels is refused with the number that would do', async () => {
  const p = await pool({ budget: { compilations: 2 } });
  await p.compile({ text: scaleProgram(N, 1) });
  await p.compile({ text: scaleProgram(N, 2) });
  await expect(p.compile({ text: scaleProgram(N, 3) })).rejects.toMatchObject({
    code: 'ERR_BUDGET',
    message: 'Expected budget.compilations to cover 3 kernels on 1 workers, which takes 3 each, got 2',
  });
});

test('errors of a program name the place in its text and leave the pool whole', async () => {
  const p = await pool();
  await expect(p.compile({ text: 'program(1.3)\n{ func main<ios18>(x) {} }' })).rejects.toMatchObject({
    code: 'ERR_MIL_SYNTAX',
    line: 2,
  });
  const kernel = await p.compile({ name: 'scale', text: scaleProgram(N, 2) });
  const wrong = p.arena.tensor('fp16', [1, N]);
  await expect(kernel.run(wrong, filled(p, 0))).rejects.toThrow(
    'Expected input x of scale to be fp32[1, 64], got `fp16[1, 64]`',
  );
  await expect(kernel.update({ nowhere: new Uint8Array(1) })).resolves.toBeUndefined();
});

test('an aborted call rejects at once with the reason; queued ones go on', async () => {
  const p = await pool();
  const slow = await p.compile({ text: slowProgram(128, 500) });
  const x = p.arena.tensor('fp32', [128, 128]);
  const y = p.arena.tensor('fp32', [128, 128]);
  const abort = new AbortController();
  const first = slow.run(x, y);
  const second = slow.run(x, y, { signal: abort.signal });
  const third = slow.run(x, y);
  abort.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
  await Promise.all([first, third]);
  await expect(slow.run(x, y, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
});

test('close finishes pending calls, destroy does not; neither leaves a process or a descriptor', async () => {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  const [before, childrenBefore] = [descriptors(), children()];
  const p = await pool({ workers: 2, standby: 2 });
  const kernel = await p.compile({ text: slowProgram(128, 300) });
  const x = p.arena.tensor('fp32', [128, 128]);
  const runs = Array.from({ length: 4 }, () => kernel.run(x, p.arena.tensor('fp32', [128, 128])));
  const closed = p.close();
  expect(p.close()).toBe(closed);
  await expect(kernel.run(x, x)).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' });
  await Promise.all(runs);
  await closed;

  const q = await pool();
  const other = await q.compile({ text: slowProgram(256, 2000) });
  const z = q.arena.tensor('fp32', [256, 256]);
  const run = other.run(z, q.arena.tensor('fp32', [256, 256]));
  const ended = expect(run).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' });
  await q.destroy();
  await ended;
  expect(children()).toBe(childrenBefore);
  expect(descriptors()).toBe(before);
});

test('more calls than maxQueue are refused, and drain says when to go on', async () => {
  const p = await pool({ maxQueue: 4 });
  const kernel = await p.compile({ text: scaleProgram(N, 2) });
  const x = filled(p, 1);
  const drained = new Promise<void>((resolve) => p.once('drain', resolve));
  const runs = Array.from({ length: 4 }, () => kernel.run(x, filled(p, 0)));
  expect(p.needsDrain).toBe(false);
  await expect(kernel.run(x, filled(p, 0))).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
  expect(p.needsDrain).toBe(true);
  await Promise.all(runs);
  await drained;
  expect(p.needsDrain).toBe(false);
  await kernel.run(x, filled(p, 0));
});

test('an arena that is too small says how much is needed', async () => {
  const p = await pool({ arenaBytes: 1 << 16 });
  expect(() => p.arena.tensor('fp32', [1 << 20])).toThrow(
    /Expected 4194304 free bytes in the arena, got 65536 at most .* at least 4194304/,
  );
});
