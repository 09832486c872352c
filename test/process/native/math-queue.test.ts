import { execFileSync } from 'node:child_process';
import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';

const MIB = 2 ** 20;

/** What a process prints that runs `body` with an arena at hand. */
const run = (body: string) => {
  const script = `
    import { Worker } from 'node:worker_threads';
    import { addon } from '@mayfly/native';
    const arena = addon.createArena(${64 * MIB});
    ${body}`;
  const args = ['--input-type=module', '-e', script];
  return execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8', timeout: 120_000 });
};

test('calls run in order, and the event loop runs before they have ended', async () => {
  const arena = addon.createArena(64 * MIB);
  const floats = new Float32Array(arena.view(0, 64).buffer, 0, 16).fill(1);
  const done: string[] = [];
  const calls = Array.from({ length: 8 }, () => addon.mathQueue.add(arena, [0], 32 * MIB, 8 * MIB));
  calls.push(addon.mathQueue.add(arena, [32 * MIB], 0, 8 * MIB));
  calls.forEach((call, index) => void call.then(() => done.push(`call ${index}`)));
  expect(floats[0]).toBe(1);
  // Only the event loop settles a promise: a turn of the microtask queue does not.
  await Promise.resolve();
  expect(done).toEqual([]);
  await Promise.all(calls);
  expect(done).toEqual(calls.map((_, index) => `call ${index}`));
  expect(floats[0]).toBe(9);
  arena.close();
});

test('a number resolves the promise, an error rejects it', async () => {
  const arena = addon.createArena(4096);
  new Float32Array(arena.view(0, 4096).buffer, 0, 4).set([1, 2, 3, 4]);
  const { mathQueue } = addon;
  await expect(mathQueue.sumOfSquares(arena, 0, 4)).resolves.toBe(30);
  await expect(mathQueue.zero(arena, 4096, 1)).rejects.toMatchObject({
    name: 'MayflyError',
    code: 'ERR_ARENA_BOUNDS',
  });
  const bits = { table: 1024, tokens: 0, out: 2048, vocab: 8, dim: 4, columns: 4 };
  await expect(mathQueue.embed(arena, bits)).rejects.toMatchObject({
    name: 'MayflyError',
    code: 'ERR_TOKEN_RANGE',
    message: expect.stringContaining('tokens[0]'),
  });
  await expect(mathQueue.zero(arena, 0, 4)).resolves.toBeUndefined();
  arena.close();
});

test('the arena may be closed while calls on it are queued', async () => {
  const arena = addon.createArena(64 * MIB);
  const call = addon.mathQueue.add(arena, [0], 32 * MIB, 8 * MIB);
  const sum = addon.mathQueue.sumOfSquares(arena, 32 * MIB, 8 * MIB);
  arena.close();
  await expect(addon.mathQueue.zero(arena, 0, 4)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  await call;
  expect(await sum).toBe(0);
});

test('queued calls keep a process alive, and settled ones do not', () => {
  expect(
    run(`
      setTimeout(() => console.log('timer'), 600_000).unref();
      addon.mathQueue.sumOfSquares(arena, 0, ${16 * MIB}).then((sum) => console.log('sum', sum));`),
  ).toBe('sum 0\n');
});

test('a thread may end with calls queued, and the queue serves the others', () => {
  const thread = `
    import { addon } from '@mayfly/native';
    const arena = addon.createArena(${64 * MIB});
    for (let i = 0; i < 200; i++) addon.mathQueue.add(arena, [0], ${32 * MIB}, ${8 * MIB});
    addon.mathQueue.zero(arena, ${64 * MIB}, 1).catch(() => {});
    process.exit(3);`;
  expect(
    run(`
      for (let round = 0; round < 3; round++) {
        const exit = new Promise((resolve) => new Worker(${JSON.stringify(thread)}, { eval: true }).on('exit', resolve));
        const sum = addon.mathQueue.sumOfSquares(arena, 0, 1024);
        console.log(await exit, await sum, await addon.mathQueue.sumOfSquares(arena, 0, 1024));
      }`),
  ).toBe('3 0 0\n'.repeat(3));
});

test('a process may end with calls queued', () => {
  expect(run(`for (let i = 0; i < 200; i++) addon.mathQueue.zero(arena, 0, ${64 * MIB}); process.exit(0);`)).toBe('');
});
