import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  beginCheckpoint,
  createPart,
  moveCheckpoint,
  partPath,
  prepareCheckpoint,
  readCheckpoint,
  readCheckpointHeader,
  writeCheckpoint,
  writePart,
} from '@mayfly/core/testing';
import { beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();
let folder = '';
beforeEach(({ task }) => {
  folder = join(root, task.id);
});

const bytes = (...values: number[]) => Uint8Array.from(values);
const parameters = bytes(9, 8, 7, 6);
/** Each file's own bytes of two sections; the third file has none of the second. */
const shares = [
  { first: bytes(1, 2, 6), second: bytes(20) },
  { first: bytes(3, 7, 8), second: bytes(10, 30) },
  { first: bytes(4, 5), second: new Uint8Array() },
] as const;
const tableOf = (word: string) => ({
  ...{ word, count: 2 },
  sections: {
    first: [
      [0, 2],
      [1, 1],
      [2, 2],
      [0, 1],
      [1, 2],
    ],
    second: [
      [1, 1],
      [0, 1],
      [1, 1],
    ],
  } as const,
});
const whole = { first: bytes(1, 2, 3, 4, 5, 6, 7, 8), second: bytes(10, 20, 30) };

/** Writes all files of a checkpoint, and returns what makes it one. */
async function prepare(step: number, word: string) {
  await beginCheckpoint(folder, step);
  const prepared = await prepareCheckpoint(folder, step, {}, { parameters, ...shares[0] }, { keep: 2 }, tableOf(word));
  for (const index of [1, 2]) {
    expect(await createPart(partPath(folder, step, { word, index }))).toBe(true);
    await writePart(folder, step, { word, index }, shares[index]!);
  }
  return prepared;
}

const write = async (step: number, word: string) => (await prepare(step, word)).commit();
const names = () => readdirSync(folder).sort();
const targets = () => ({ first: new Uint8Array(8), second: new Uint8Array(3) });
const partsOf = (step: number, word: string) =>
  [1, 2].map((index) => basename(partPath(folder, step, { word, index })));

test('sections that lie in several files are read as one, into views in pieces and piece by piece', async () => {
  const path = await write(1, '00000001');
  expect(names()).toEqual([...partsOf(1, '00000001'), 'step-00000001.mayfly']);
  const views = targets();
  const found = await readCheckpoint(folder, views);
  expect(found).toMatchObject({ version: 3, sections: { parameters: 4, first: 8, second: 3 } });
  expect(views).toEqual(whole);
  const { first, second } = targets();
  const halves = [first.subarray(0, 3), first.subarray(3)];
  const taken: number[][] = [];
  const sink = { bytes: 3, write: (piece: Uint8Array, position: number) => void taken.push([position, ...piece]) };
  await readCheckpoint(path, { first: halves, second: sink });
  expect(first).toEqual(whole.first);
  expect([taken, [...second]]).toEqual([[[0, 10, 20, 30]], [0, 0, 0]]);
  await expect(readCheckpoint(path, { first: new Uint8Array(3) })).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT_MISMATCH',
  });
});

test('pieces of a section that are longer than what is read at a time come in order', async () => {
  const most = 2 ** 22;
  const [own, other] = [new Uint8Array(most + 5).fill(1), new Uint8Array(most - 2).fill(2)];
  await beginCheckpoint(folder, 1);
  const place = { word: 'abcdef01', index: 1 };
  const sections = {
    large: [
      [0, 3],
      [1, most - 2],
      [0, most + 2],
    ] as const,
  };
  const table = { word: 'abcdef01', count: 1, sections };
  const prepared = await prepareCheckpoint(folder, 1, {}, { large: own }, {}, table);
  await createPart(partPath(folder, 1, place));
  await writePart(folder, 1, place, { large: other });
  await prepared.commit();
  const joined = Buffer.concat([own.subarray(0, 3), other, own.subarray(3)]);
  const pieces: Buffer[] = [];
  const write = (piece: Uint8Array, position: number) => {
    expect(position).toBe(pieces.reduce((sum, { length }) => sum + length, 0));
    expect(piece.length).toBe(Math.min(most, joined.length - position));
    pieces.push(Buffer.from(piece));
  };
  await readCheckpoint(folder, { large: { bytes: joined.length, write } });
  expect(Buffer.concat(pieces).equals(joined)).toBe(true);
});

test('without a part, or with another one in its place, parameters can be read, and the earlier checkpoint is taken for the rest', async () => {
  await write(1, '00000001');
  const path = await write(2, '00000002');
  const part = partPath(folder, 2, { word: '00000002', index: 2 });
  const good = readFileSync(part);
  const cases: readonly [() => void, RegExp][] = [
    [() => rmSync(part), /part 2 at .*00000002.2.part, got no file there: it evaluates without it/],
    [
      () => writeFileSync(part, readFileSync(partPath(folder, 1, { word: '00000001', index: 2 }))),
      /another file there/,
    ],
    [() => writeFileSync(part, good.subarray(0, -1)), /cut/],
    [() => writeFileSync(part, good.with(good.length - 70, 77)), /SHA-256 .* of its contents/],
  ];
  for (const [spoil, message] of cases) {
    spoil();
    const target = new Uint8Array(4);
    await readCheckpoint(folder, { parameters: target });
    expect(target).toEqual(parameters);
    const error = { code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) };
    await expect(readCheckpoint(path, targets())).rejects.toMatchObject(error);
    await expect(readCheckpoint(path, {}, { parts: true })).rejects.toMatchObject(error);
    const found = await readCheckpoint(folder, targets());
    expect(found).toMatchObject({ header: { step: 1 }, warnings: [expect.stringMatching(message)] });
  }
  await expect(readCheckpointHeader(partPath(folder, 1, { word: '00000001', index: 1 }))).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: expect.stringMatching(/Expected a checkpoint with a whole checkpoint|part 1 of the one beside it/),
  });
});

test('parts without their checkpoint are nothing, and the next writer removes them', async () => {
  await write(1, '00000001');
  const { discard } = await prepare(2, '00000002');
  await discard();
  // A writer that died before `commit` leaves its parts.
  expect((await readCheckpoint(folder, targets())).header.step).toBe(1);
  const again = await prepare(1, '0000000a');
  expect(names()).toEqual(expect.arrayContaining([...partsOf(1, '00000001'), ...partsOf(1, '0000000a')]));
  expect(names()).not.toEqual(expect.arrayContaining(partsOf(2, '00000002').slice(0, 1)));
  await again.commit();
  await writeCheckpoint(folder, 3, {}, {}, { keep: 9 });
  expect(names()).toEqual([...partsOf(1, '0000000a'), 'step-00000001.mayfly', 'step-00000003.mayfly']);
  const views = targets();
  await readCheckpoint(join(folder, 'step-00000001.mayfly'), views);
  expect(views).toEqual(whole);
});

test('a checkpoint is deleted and moved with its parts', async () => {
  for (const step of [1, 2, 3]) await write(step, `0000000${step}`);
  expect(names()).toEqual(
    [2, 3].flatMap((step) => [...partsOf(step, `0000000${step}`), `step-0000000${step}.mayfly`]).sort(),
  );
  const aside = join(folder, 'aside');
  mkdirSync(aside);
  await moveCheckpoint(join(folder, 'step-00000002.mayfly'), aside);
  expect(names()).toEqual(['aside', ...partsOf(3, '00000003'), 'step-00000003.mayfly']);
  const views = targets();
  expect((await readCheckpoint(aside, views)).header.step).toBe(2);
  expect(views).toEqual(whole);
  // Another name for the checkpoint leaves its parts theirs.
  renameSync(join(aside, 'step-00000002.mayfly'), join(aside, 'kept.mayfly'));
  await readCheckpoint(join(aside, 'kept.mayfly'), targets());
});

test('a table that does not fit the file is refused', async () => {
  const table = tableOf('00000001');
  for (const wrong of [
    { ...table, word: 'no' },
    { ...table, count: 0 },
    { ...table, sections: { first: [[3, 8]] as const } },
    { ...table, sections: { first: [[0, 2]] as const } },
  ]) {
    await beginCheckpoint(folder, 1);
    const prepared = await prepareCheckpoint(folder, 1, {}, { ...shares[0] }, {}, wrong);
    const path = await prepared.commit();
    await expect(readCheckpointHeader(path)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  }
});
