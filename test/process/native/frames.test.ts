import { closeSync, writeSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { addon } from '@mayfly/native';
import { afterAll, expect, test } from 'vitest';
import { mutatedFrames, pieces, seeded } from '../../fixtures/frame-mutations.js';
import { decodeFrames, FrameKind, MOST_PAYLOAD } from '../../fixtures/frames.js';

const { dispatch, completion, control, prefetch, leading } = FrameKind;
const arena = addon.createArena(1 << 16);
afterAll(() => arena.close());

/** What the main process's end makes of a stream, and how it ended. */
function receive(chunks: Buffer[]) {
  return new Promise<{ events: unknown[]; error: (Error & { code?: string }) | null }>((resolve) => {
    const [near, far] = addon.socketPair();
    const events: unknown[] = [];
    const connection = addon.connect(near, {
      onCompletion: (...completed) => events.push(completed),
      onLeading: (id) => events.push(id),
      onControl: (payload) => events.push(Buffer.from(payload)),
      onClose: (error) => resolve({ events, error }),
    });
    connection.ref();
    for (const chunk of chunks) writeSync(far, chunk);
    closeSync(far);
  });
}

test('the main process reads any damaged stream as its specification does: 4,000 of them', async () => {
  let broken = 0;
  for (let seed = 1; seed <= 4000; seed++) {
    const random = seeded(seed);
    const stream = mutatedFrames(random, [completion, control, leading]);
    const expected = decodeFrames(stream, [completion, control, leading], MOST_PAYLOAD.main);
    const { events, error } = await receive(pieces(stream, random, 200));
    const wanted = expected.frames.map(({ kind, id, word, first, second, prefetched, payload }) => {
      if (kind === leading) return id;
      return kind === control ? Buffer.from(payload) : [id, word, first, payload.toString(), second, prefetched];
    });
    expect(events, `seed ${seed}`).toEqual(wanted);
    expect(error?.code, `seed ${seed}`).toBe(expected.broken ? 'ERR_FRAME' : undefined);
    broken += Number(expected.broken);
  }
  // Both outcomes must be common, or the test tests one of them.
  expect(broken).toBeGreaterThan(400);
  expect(broken).toBeLessThan(3600);
});

test('a worker reads any damaged stream as its specification does: 2,000 of them', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const device = addon.openDevice('cpu', arena);
  for (let seed = 1; seed <= 2000; seed++) {
    const random = seeded(seed);
    const stream = mutatedFrames(random, [dispatch, control, prefetch]);
    const expected = decodeFrames(stream, [dispatch, control, prefetch], MOST_PAYLOAD.worker);
    const [near, far] = addon.socketPair();
    const socket = addon.serveSocket(near, device);
    for (const chunk of pieces(stream, random, 200)) writeSync(far, chunk);
    closeSync(far);
    const controls: Buffer[] = [];
    let code: string | undefined;
    try {
      for (let payload = socket.serve(); payload !== null; payload = socket.serve())
        controls.push(Buffer.from(payload));
    } catch (error) {
      code = (error as { code?: string }).code;
    }
    const wanted = expected.frames.filter(({ kind }) => kind === control).map(({ payload }) => Buffer.from(payload));
    expect(controls, `seed ${seed}`).toEqual(wanted);
    expect(code, `seed ${seed}`).toBe(expected.broken ? 'ERR_FRAME' : undefined);
    // A worker has one socket for life; here only the collector closes them.
    if (seed % 200 === 0) collect();
  }
  device.close();
});
