import { closeSync, readSync, writeSync } from 'node:fs';
import {
  addon,
  type Connection,
  type ConnectionHandlers,
  DispatchStatus,
  type NativeLane,
  type ProgramInfo,
} from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeFrame, FRAME_BYTES, FrameKind } from '../../fixtures/frames.js';
import { scaleProgram, slowProgram } from '../../fixtures/programs.js';
import { spawnServing } from '../../fixtures/spawn-native.js';
import { stopProcess } from '../../fixtures/stop-process.js';

const arena = addon.createArena(1 << 20);
arena.populate(0, 1 << 20);
afterAll(() => arena.close());

/** A connection whose events are awaited in turn. */
function events(fd: number, lane?: NativeLane) {
  const come: unknown[][] = [];
  const waiting: ((event: unknown[]) => void)[] = [];
  const put = (...event: unknown[]) => {
    const next = waiting.shift();
    if (next) next(event);
    else come.push(event);
  };
  const connection = addon.connect(
    fd,
    {
      onCompletion: (id, status, _nanoseconds, message) => put('completion', id, status, message),
      onControl: (payload) => put('control', Buffer.from(payload)),
      onClose: (error) => put('close', error),
    },
    lane,
  );
  connection.ref();
  const next = () =>
    new Promise<unknown[]>((resolve) => (come.length > 0 ? resolve(come.shift()!) : waiting.push(resolve)));
  return { connection, next };
}

describe.each([
  ['a socket', false],
  ['a socket and a lane', true],
])('with a worker over %s', (_, lane) => {
  const serving = async () => {
    const child = spawnServing(arena, scaleProgram(64, 3), lane);
    const { connection, next } = events(child.connectionFd, child.lane);
    const [, ready] = (await next()) as [string, Buffer];
    return { child, connection, next, info: JSON.parse(ready.toString()) as ProgramInfo };
  };

  test('dispatches are answered in order, in place, and wrong ones with a status and a reason', async () => {
    const { child, connection, next, info } = await serving();
    const x = new Float32Array(arena.view(0, 256).buffer, 0, 64).fill(2);
    const y = new Float32Array(arena.view(256, 256).buffer, 256, 64);
    const { program } = info;
    connection.dispatch(2 ** 53 - 1, program, 0, 256);
    connection.dispatch(1, program + 1, 0, 256);
    connection.dispatch(2, program, 0, (1 << 20) - 252);
    connection.dispatch(3, program, 0, 2 ** 53 - 1);
    connection.dispatch(4, program, 0, 252);
    connection.dispatch(5, program, 2, 256);
    connection.dispatchPorts(6, program, [0, 256]);
    connection.dispatchPorts(7, program, [0, 256, 512]);
    const answers = [];
    for (let i = 0; i < 8; i++) answers.push(await next());
    const { ok, unknownProgram, outOfBounds } = DispatchStatus;
    expect(answers.map(([, id, status]) => [id, status])).toEqual([
      [2 ** 53 - 1, ok],
      [1, unknownProgram],
      [2, outOfBounds],
      [3, outOfBounds],
      [4, outOfBounds],
      [5, outOfBounds],
      [6, ok],
      [7, outOfBounds],
    ]);
    expect(answers[0]?.[3]).toBe('');
    expect(answers[2]?.[3]).toMatch(/^Expected a range within the arena's 1048576 bytes, got 256 bytes at 1048324$/);
    expect(x[0]).toBe(2);
    expect([...y]).toEqual(Array(64).fill(6));
    connection.close();
    expect(await child.exit).toEqual({ exitCode: 0, signal: null });
  });

  test('messages of any size go both ways between dispatches', async () => {
    const { child, connection, next, info } = await serving();
    const sizes = [0, 1, 63, 64, 65_536, 5_000_003];
    // A reader that is stopped takes nothing: all but what the system's buffers hold is queued.
    stopProcess(child.pid);
    for (const size of sizes) {
      connection.control(Buffer.alloc(size, size % 251));
      connection.dispatch(size, info.program, 0, 256);
    }
    expect(connection.queuedBytes).toBeGreaterThan(1_000_000);
    process.kill(child.pid, 'SIGCONT');
    for (const size of sizes) {
      const [, payload] = (await next()) as [string, Buffer];
      expect(payload.equals(Buffer.alloc(size, size % 251))).toBe(true);
      expect(await next()).toEqual(['completion', size, DispatchStatus.ok, '']);
    }
    expect(connection.queuedBytes).toBe(0);
    connection.close();
    await child.exit;
  });

  test('each side wakes the other: thousands of dispatches, each after the answer to the one before', async () => {
    const { child, connection, next, info } = await serving();
    for (let id = 0; id < 5000; id++) {
      connection.dispatch(id, info.program, 0, 256);
      expect((await next()).slice(0, 3)).toEqual(['completion', id, DispatchStatus.ok]);
    }
    connection.close();
    await child.exit;
  });

  test('answers to longer evaluations come, whether they are waited for asleep or awake', async () => {
    const child = spawnServing(arena, slowProgram(64, 20), lane);
    const { connection, next } = events(child.connectionFd, child.lane);
    const [, ready] = (await next()) as [string, Buffer];
    const { program } = JSON.parse(ready.toString()) as ProgramInfo;
    for (let id = 0; id < 1000; id++) {
      connection.dispatch(id, program, 0, 1 << 19);
      expect((await next()).slice(0, 3)).toEqual(['completion', id, DispatchStatus.ok]);
    }
    connection.close();
    await child.exit;
  });

  test('more dispatches than a ring holds are answered in order, messages among them', async () => {
    const { child, connection, next, info } = await serving();
    stopProcess(child.pid);
    for (let id = 0; id < 3000; id++) {
      if (id % 100 === 7) connection.control(Buffer.from([id % 256]));
      connection.dispatch(id, info.program, 0, 256);
    }
    process.kill(child.pid, 'SIGCONT');
    for (let id = 0; id < 3000; id++) {
      if (id % 100 === 7) expect(await next()).toEqual(['control', Buffer.from([id % 256])]);
      expect(await next()).toEqual(['completion', id, DispatchStatus.ok, '']);
    }
    connection.close();
    expect(await child.exit).toEqual({ exitCode: 0, signal: null });
  });

  test('its death ends the connection, whatever was on the way', async () => {
    const { child, connection, next, info } = await serving();
    stopProcess(child.pid);
    for (let id = 0; id < 100; id++) connection.dispatch(id, info.program, 0, 256);
    process.kill(child.pid, 'SIGKILL');
    let event = await next();
    while (event[0] === 'completion') event = await next();
    expect(event).toEqual(['close', null]);
    expect(await child.exit).toEqual({ exitCode: null, signal: 'SIGKILL' });
    connection.dispatch(1, info.program, 0, 256);
    expect(connection.queuedBytes).toBe(0);
  });
});

describe('without one', () => {
  test('answers that came before a reset are delivered before the end', async () => {
    const [near, far] = addon.socketPair();
    const { connection, next } = events(near);
    writeSync(far, Buffer.concat([7, 8].map((id) => encodeFrame({ kind: FrameKind.completion, id }))));
    connection.dispatch(9, 1, 0, 64);
    closeSync(far);
    expect([await next(), await next(), await next()]).toEqual([
      ['completion', 7, 0, ''],
      ['completion', 8, 0, ''],
      ['close', null],
    ]);
  });

  test('a dispatch is the frame that the protocol says', () => {
    const [near, far] = addon.socketPair();
    const { connection } = events(near);
    const read = (bytes: number) => {
      const buffer = Buffer.alloc(bytes);
      expect(readSync(far, buffer)).toBe(bytes);
      return buffer;
    };
    connection.dispatch(2 ** 52 + 1, 4_294_967_295, 2 ** 40, 128);
    const fields = { kind: FrameKind.dispatch, id: 2 ** 52 + 1, word: 4_294_967_295, first: 2 ** 40, second: 128 };
    expect(read(FRAME_BYTES)).toEqual(encodeFrame(fields));
    connection.dispatchPorts(5, 6, [2 ** 33, 1]);
    const payload = Buffer.alloc(16);
    payload.writeBigUInt64LE(2n ** 33n, 0);
    payload.writeBigUInt64LE(1n, 8);
    expect(read(FRAME_BYTES + 16)).toEqual(encodeFrame({ kind: FrameKind.dispatch, id: 5, word: 6, payload }));
    connection.close();
    closeSync(far);
  });

  test('promises of one batch settle before the next batch is read, and a closed connection is silent', async () => {
    const [near, far] = addon.socketPair();
    const order: string[] = [];
    let connection: Connection | undefined;
    await new Promise<void>((resolve) => {
      const handlers: ConnectionHandlers = {
        onCompletion: (id) => {
          order.push(`completion ${id}`);
          void Promise.resolve().then(() => order.push(`settled ${id}`));
          if (id === 1) writeSync(far, encodeFrame({ kind: FrameKind.control }));
        },
        onControl: () => {
          order.push('control');
          connection?.close();
          connection?.close();
          setImmediate(resolve);
        },
        onClose: () => order.push('close'),
      };
      connection = addon.connect(near, handlers);
      connection.ref();
      writeSync(far, Buffer.concat([0, 1].map((id) => encodeFrame({ kind: FrameKind.completion, id }))));
    });
    closeSync(far);
    expect(order).toEqual(['completion 0', 'completion 1', 'settled 0', 'settled 1', 'control']);
  });

  test('wrong arguments are typed errors', () => {
    const [near, far] = addon.socketPair();
    const { connection } = events(near);
    const invalid = expect.objectContaining({ name: 'MayflyError', code: 'ERR_INVALID_ARGUMENT' });
    expect(() => connection.dispatch(-1, 1, 0, 0)).toThrow(invalid);
    expect(() => connection.dispatch(1, 2 ** 32, 0, 0)).toThrow(invalid);
    expect(() => connection.dispatch(1, 1, 0.5, 0)).toThrow(invalid);
    expect(() => connection.dispatchPorts(1, 1, [])).toThrow(invalid);
    expect(() => connection.control('text' as never)).toThrow(invalid);
    expect(() => connection.control(new Uint8Array(2 ** 28 + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_FRAME' }),
    );
    expect(() => addon.connect(near, {} as never)).toThrow(invalid);
    connection.close();
    closeSync(far);
  });
});
