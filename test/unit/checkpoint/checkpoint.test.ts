import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arena, readCheckpoint, readCheckpointHeader, writeCheckpoint } from '@mayfly/core/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();
let directory = '';
beforeEach(({ task }) => {
  directory = join(root, task.id);
});

const sections = {
  parameters: Uint8Array.from({ length: 200 }, (_, index) => index),
  empty: new Uint8Array(),
  moments: Uint8Array.of(1, 2, 3),
};
const empty = () => ({ parameters: new Uint8Array(200), empty: new Uint8Array(), moments: new Uint8Array(3) });
const write = (step: number, keep?: number) =>
  writeCheckpoint(directory, step, {}, sections, keep === undefined ? {} : { keep });
const names = () => readdirSync(directory).sort();

describe('a checkpoint', () => {
  test('comes back bit for bit', async () => {
    const header = {
      config: { dim: 64, eps: 1e-5, ropePairing: 'half', tiedHead: true },
      random: [-1, 2 ** 31 - 1, -(2 ** 31), 0],
      numbers: [0.1, 1 / 3, 2 ** 53 - 1, -(2 ** 40), Number.MIN_VALUE, Number.NEGATIVE_INFINITY, Number.NaN],
      lossScale: { scale: 65536, goodSteps: 17 },
      bytes: Uint8Array.of(1, 2, 3),
      nothing: null,
      text: 'é€😀',
    };
    const path = await writeCheckpoint(directory, 1234, header, sections);
    expect(path).toBe(join(directory, 'step-00001234.mayfly'));
    expect(names()).toEqual(['step-00001234.mayfly']);

    const targets = empty();
    const read = await readCheckpoint(path, targets);
    expect(read.header).toEqual({ ...header, bytes: expect.anything(), step: 1234 });
    expect([...(read.header.bytes as Uint8Array)]).toEqual([1, 2, 3]);
    expect(read).toMatchObject({ path, warnings: [], sections: { parameters: 200, empty: 0, moments: 3 } });
    expect(targets).toEqual(sections);
    expect(await readCheckpointHeader(directory)).toEqual(read);
  });

  test('has its sections at multiples of 64 bytes', async () => {
    const file = readFileSync(await write(1));
    const at = file.indexOf(sections.parameters);
    expect(at % 64).toBe(0);
    expect(file.subarray(at + 256, at + 259)).toEqual(Buffer.of(1, 2, 3));
    expect(file.length).toBe(at + 256 + 64 + 32);
  });

  test('is read straight into shared memory, in part if wanted, over many chunks', async () => {
    const arena = new Arena(64 * 2 ** 20);
    const [from, to] = [arena.tensor('fp32', [3_000_001]).array(), arena.tensor('fp32', [3_000_001]).array()];
    for (let index = 0; index < from.length; index++) from[index] = Math.sin(index);
    const bytes = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const small = { before: Uint8Array.of(7), after: Uint8Array.of(8) };
    await writeCheckpoint(directory, 1, {}, { before: small.before, large: bytes(from), after: small.after });
    await readCheckpoint(directory, { large: bytes(to) });
    expect(Buffer.compare(bytes(to), bytes(from))).toBe(0);
    const others = { before: new Uint8Array(1), after: new Uint8Array(1) };
    await readCheckpoint(directory, others);
    expect(others).toEqual(small);
    arena.close();
  });

  test('of another model is not read', async () => {
    const path = await write(1);
    const mismatch = (message: string) => ({
      code: 'ERR_CHECKPOINT_MISMATCH',
      message: expect.stringContaining(message),
    });
    await expect(readCheckpoint(directory, { parameters: new Uint8Array(199) })).rejects.toMatchObject(
      mismatch(`${path}: Expected 199 bytes of parameters, got 200`),
    );
    await expect(readCheckpoint(path, { weights: new Uint8Array(1) })).rejects.toMatchObject(
      mismatch('Expected 1 bytes of weights, got no such section'),
    );
  });
});

describe('a damaged file', () => {
  test('cut at any length, or with more behind, is an error', async () => {
    const path = await write(1);
    const whole = readFileSync(path);
    const check = async (length: number) => {
      await expect(readCheckpoint(path, empty()), `${length} bytes`).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT',
        message: expect.stringMatching(/Expected a checkpoint with (\d+|at least \d+) bytes, got \d+: (cut|too long)$/),
      });
    };
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      await check(length);
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.of(0)]));
    await check(whole.length + 1);
  });

  test('with any byte flipped is an error', async () => {
    const path = await write(1);
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << (at % 8);
      writeFileSync(path, flipped);
      await expect(readCheckpoint(path, empty()), `byte ${at}`).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    }
    writeFileSync(path, whole);
    await readCheckpoint(path, empty());
  });

  test('says what was expected and what was found', async () => {
    const path = join(root, 'other.mayfly');
    writeFileSync(path, 'Once upon a time');
    await expect(readCheckpointHeader(path)).rejects.toMatchObject({
      message: `${path}: Expected a checkpoint with \`MAYFLYCK\` at the start, got \`Once upo\``,
    });
  });

  test('in a directory: the one before is read, and that is said', async () => {
    for (const step of [1, 2, 3]) await writeCheckpoint(directory, step, { mark: step }, { data: Uint8Array.of(step) });
    const damage = (step: number) => {
      const path = join(directory, `step-0000000${step}.mayfly`);
      const bytes = readFileSync(path);
      bytes[bytes.length - 40]! ^= 1;
      writeFileSync(path, bytes);
      return path;
    };
    const third = damage(3);
    const data = new Uint8Array(1);
    const read = await readCheckpoint(directory, { data });
    expect([read.header.mark, data[0], read.warnings.length]).toEqual([2, 2, 1]);
    expect(read.warnings[0]).toContain(`${third}: Expected a checkpoint with SHA-256`);
    await expect(readCheckpoint(third, { data })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });

    truncateSync(join(directory, 'step-00000002.mayfly'), 100);
    expect((await readCheckpoint(directory, { data })).warnings.length).toBe(2);
    damage(1);
    const error = await readCheckpoint(directory, { data }).catch((reason: Error & { code: string }) => reason);
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT' });
    for (const step of [1, 2, 3]) expect((error as Error).message).toContain(`step-0000000${step}.mayfly: Expected`);
  });

  test('or none at all', async () => {
    await expect(readCheckpoint(directory, {})).rejects.toMatchObject({
      code: 'ERR_FILE_NOT_FOUND',
      message: `Cannot read a checkpoint at ${directory}: no such file or directory`,
    });
    mkdirSync(directory);
    await expect(readCheckpoint(directory, {})).rejects.toMatchObject({
      code: 'ERR_FILE_NOT_FOUND',
      message: `Expected a checkpoint (step-*.mayfly) in ${directory}, got none`,
    });
  });
});

describe('a directory', () => {
  test('keeps the last three, or as many as asked for', async () => {
    for (const step of [5, 10, 100, 1000, 123_456_789]) await write(step);
    expect(names()).toEqual(['step-00000100.mayfly', 'step-00001000.mayfly', 'step-123456789.mayfly']);
    expect((await readCheckpointHeader(directory)).header.step).toBe(123_456_789);
    await write(123_456_790, 1);
    expect(names()).toEqual(['step-123456790.mayfly']);
  });

  test('never loses what was just written, nor later steps', async () => {
    for (const step of [7, 8, 9]) await write(step);
    await write(2, 1);
    await write(8, 1);
    expect(names()).toEqual(['step-00000008.mayfly', 'step-00000009.mayfly']);
  });

  test('is swept of what dead writers left, and of nothing else', async () => {
    await write(1);
    const dead = spawnSync(process.execPath, ['-e', '0']).pid;
    const name = (pid: number) => `step-00000002.mayfly.${pid}-0123abcd.tmp`;
    const others = [name(process.ppid), 'notes.tmp', 'step-x.mayfly', 'readme'];
    for (const file of [name(dead), name(process.pid), ...others]) writeFileSync(join(directory, file), '');
    await write(3);
    expect(names()).toEqual(['step-00000001.mayfly', 'step-00000003.mayfly', ...others].sort());
  });

  test('may hold folders named as a checkpoint or a temporary file of a dead writer', async () => {
    const folders = ['step-00000009.mayfly', 'step-00000001.mayfly.999998-deadbeef.tmp'];
    for (const name of folders) mkdirSync(join(directory, name), { recursive: true });
    for (const step of [1, 2, 3]) await write(step, 1);
    expect(names()).toEqual([folders[1], 'step-00000003.mayfly', folders[0]]);
    expect((await readCheckpointHeader(directory)).header.step).toBe(3);
  });

  test("keeps other runs' checkpoints, and damaged ones, which may be anybody's", async () => {
    const of = (run: string | undefined, step: number) =>
      writeCheckpoint(directory, step, run === undefined ? {} : { run }, sections, { keep: 1 });
    for (const [run, step] of [
      ['a', 1],
      ['b', 2],
      [undefined, 3],
    ] as const)
      await of(run, step);
    writeFileSync(join(directory, 'step-00000004.mayfly'), 'MAYFLYCK');
    await of('a', 5);
    expect(names()).toEqual([2, 3, 4, 5].map((step) => `step-0000000${step}.mayfly`));
  });

  test('keeps multiples of keepEvery for good', async () => {
    for (const step of [2, 3, 4, 5, 6, 7, 8, 9])
      await writeCheckpoint(directory, step, {}, sections, { keep: 2, keepEvery: 3 });
    expect(names()).toEqual([3, 6, 8, 9].map((step) => `step-0000000${step}.mayfly`));
  });

  test('that cannot be one', async () => {
    writeFileSync(directory, '');
    await expect(write(1)).rejects.toMatchObject({ code: 'ERR_FILE', message: expect.stringContaining(directory) });
    directory = join(directory, 'below');
    await expect(write(1)).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: expect.stringContaining('not a directory'),
    });
  });

  test('bad options', async () => {
    await expect(write(-1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(write(1, 0)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(existsSync(directory)).toBe(false);
  });
});

describe('an abort', () => {
  /** A signal that is aborted when it is looked at for the n-th time: at a place in the work, not in time. */
  function abortAt(count: number): AbortSignal {
    const controller = new AbortController();
    let looks = 0;
    const look = controller.signal.throwIfAborted.bind(controller.signal);
    controller.signal.throwIfAborted = () => {
      if (++looks === count) controller.abort(new Error('enough'));
      look();
    };
    return controller.signal;
  }

  test('while writing leaves nothing behind', async () => {
    const large = { data: new Uint8Array(20 * 2 ** 20) };
    await write(1);
    for (const count of [1, 2, 4]) {
      await expect(writeCheckpoint(directory, 2, {}, large, { signal: abortAt(count) })).rejects.toThrow('enough');
      expect(names()).toEqual(['step-00000001.mayfly']);
    }
  });

  test('while reading is no damage', async () => {
    await write(1);
    await write(2);
    await expect(readCheckpoint(directory, empty(), { signal: abortAt(2) })).rejects.toThrow('enough');
  });
});
