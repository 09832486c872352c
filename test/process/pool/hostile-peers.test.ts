import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Pool, resolvePoolOptions } from '@mayfly/core/testing';
import { addon } from '@mayfly/native';
import { PROTOCOL_VERSION } from '@mayfly/worker';
import { afterEach, expect, test } from 'vitest';
import { malformedMessages } from '../../fixtures/malformed-messages.js';
import { scaleProgram } from '../../fixtures/programs.js';
import { spawnNode } from '../../fixtures/spawn-native.js';

const preload = fileURLToPath(new URL('../../fixtures/hostile-worker.cjs', import.meta.url));
const entry = createRequire(import.meta.url).resolve('@mayfly/worker/entry');

afterEach(() => {
  delete process.env.MAYFLY_TEST_NONSENSE;
});

test.each([
  ['garbage', /^ERR_PROTOCOL: Expected a message of plain data/],
  ['nils', /^ERR_PROTOCOL: Expected a message of plain data.*got more than \d+ values$/],
  ['flood', /^ERR_FRAME: Expected a frame, got .* payload of 100000005 bytes$/],
])('a worker that sends %s is killed, and its compilation done by another', async (nonsense, reason) => {
  process.env.MAYFLY_TEST_NONSENSE = nonsense;
  const options = resolvePoolOptions({ device: 'cpu', execArgv: ['--require', preload] });
  await using pool = new Pool(options);
  const exited = new Promise((resolve) => pool.once('workerExit', resolve));
  await pool.open();
  const kernel = await pool.compile({ text: scaleProgram(1, 3) });
  expect(await exited).toMatchObject({ worker: 1, signal: 'SIGKILL', reason: expect.stringMatching(reason) });
  const [x, y] = [pool.arena.tensor('fp32', [1, 1]), pool.arena.tensor('fp32', [1, 1])];
  x.array().fill(2);
  await kernel.run(x, y);
  expect(y.array()[0]).toBe(6);
});

/** A worker of this test, which is its parent. */
function start(settings: unknown) {
  const arena = addon.createArena(4096);
  const child = spawnNode(arena, entry, JSON.stringify(settings));
  let onReady = () => {};
  const ready = new Promise<void>((resolve) => {
    onReady = resolve;
  });
  const handlers = { onCompletion: () => {}, onControl: () => onReady(), onClose: () => {} };
  const connection = addon.connect(child.connectionFd, handlers, child.lane);
  connection.ref();
  return { child, ready, send: (payload: Uint8Array) => connection.control(payload) };
}
const settings = { protocol: PROTOCOL_VERSION, parentPid: process.pid, worker: 1, device: 'cpu', threads: 1 };

const told = ['empty', 'null', 'no msgpack', 'a million levels', 'a million nils', 'an error that is none'];
test.each(malformedMessages.filter(([name]) => told.includes(name)))(
  'a worker that receives an invalid message (%s) exits with an error',
  async (_, payload) => {
    const { child, ready, send } = start({ ...settings, precision: 'exact' });
    await ready;
    send(payload);
    expect(await child.exit).toEqual({ exitCode: 64, signal: null });
    expect(await child.output).toMatch(/^ERR_PROTOCOL: Expected /);
  },
);

test.each([
  ['of another protocol', { ...settings, precision: 'exact', protocol: PROTOCOL_VERSION + 1 }],
  ['without a precision', settings],
  ['of no threads', { ...settings, precision: 'exact', threads: 0 }],
  ['that are none', null],
])('a worker that is started with settings %s exits and says so', async (_, given) => {
  const { child } = start(given);
  expect(await child.exit).toEqual({ exitCode: 64, signal: null });
  expect(await child.output).toMatch(/^ERR_PROTOCOL: Expected /);
});
