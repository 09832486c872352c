import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';
import { arena, compile, compileError, device, program } from '../../fixtures/mil-compile.js';

const path = '@model_path/weights/w.bin';
const sim = addon.openDevice('sim:m4', arena);

/** Header, one record of eight fp16 numbers at 64, their data at 128; `edit` spoils it. */
function weightFile(edit: (view: DataView) => void = () => {}, bytes = 144) {
  const data = new Uint8Array(144);
  const view = new DataView(data.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(4, 2, true);
  view.setUint32(64, 0xdeadbeef, true);
  view.setUint32(68, 1, true);
  view.setBigUint64(72, 16n, true);
  view.setBigUint64(80, 128n, true);
  edit(view);
  return { path, data: data.subarray(0, bytes) };
}

const text = (offset: number | string, file = path, type = 'tensor<fp16, [8]>'): string =>
  program(
    `${type} w = const()[val = ${type}(BLOBFILE(path = string("${file}"), offset = uint64(${offset})))];
     tensor<fp16, [1, 8, 1, 4]> y = relu(x = x);`,
    undefined,
    'y, w',
  );

test('a constant of a weight file', () => {
  expect(compile(text(64), weightFile()).outputs[1]).toMatchObject({ name: 'w', shape: [8], bytes: 16 });
});

test.each<[string, string, ReturnType<typeof weightFile>, RegExp]>([
  [
    'no such file',
    text(64, 'other.bin'),
    weightFile(),
    /`other.bin` at offset 64, got no file of that name among the 1 given/,
  ],
  ['a file without header', text(64), weightFile(undefined, 63), /header of 64 bytes .*got 63 bytes/],
  ['another version', text(64), weightFile((v) => v.setUint32(4, 3, true)), /format version 2 .*got 3/],
  ['the header as record', text(0), weightFile(), /metadata record of 64 bytes after the header/],
  ['the data as record', text(128), weightFile(), /metadata record of 64 bytes/],
  ['an offset beyond the file', text('18446744073709551600'), weightFile(), /metadata record/],
  ['no sentinel', text(65), weightFile(), /sentinel 0xDEADBEEF/],
  ['another data type', text(64), weightFile((v) => v.setUint32(68, 2, true)), /data type 1 \(fp16\) .*got 2/],
  [
    'another size',
    text(64),
    weightFile((v) => v.setBigUint64(72, 18n, true)),
    /16 bytes for tensor<fp16, \[8\]> .*got 18/,
  ],
  ['data beyond the file', text(64), weightFile((v) => v.setBigUint64(80, 129n, true)), /16 bytes of data from 129/],
  [
    'data at the end of the world',
    text(64),
    weightFile((v) => v.setBigUint64(80, 2n ** 64n - 8n, true)),
    /16 bytes of data/,
  ],
  [
    'data that begin where no number of theirs may',
    text(64),
    weightFile((v) => v.setBigUint64(80, 127n, true)),
    /data at a multiple of 64 bytes .*got 127/,
  ],
  [
    'data that are aligned for their type alone',
    text(64),
    weightFile((v) => v.setBigUint64(80, 126n, true)),
    /data at a multiple of 64 bytes .*got 126/,
  ],
  [
    'the header as data',
    text(64),
    weightFile((v) => v.setBigUint64(80, 0n, true)),
    /data after the header .*got data at 0/,
  ],
  ['the record as its own data', text(64), weightFile((v) => v.setBigUint64(80, 64n, true)), /apart from the record/],
  ['a type that is not stored', text(64, path, 'tensor<bool, [16]>'), weightFile(), /a stored element type .*got bool/],
])('%s', (_, source, file, message) => {
  const error = compileError(source, file);
  expect(error.code).toBe('ERR_WEIGHT_BLOB');
  expect(error.message).toMatch(message);
  expect(error.message).toContain('(line 4, column ');
  const weights = [{ path: file.path, offset: 0, bytes: file.data.length }];
  expect(() => sim.compile(source, weights)).toThrow(
    expect.objectContaining({ code: error.code, message: error.message }),
  );
});

test('a weight file may lie at any address, its records where they should', () => {
  const square = 'tensor<fp16, [4, 4]>';
  const text = program(
    `${square} mask = const()[val = ${square}(BLOBFILE(path = string("${path}"), offset = uint64(64)))];
     ${square} sum = add(x = x, y = mask);
     ${square} y = softmax(x = sum, axis = -1);`,
    `${square} x`,
  );
  const file = new Uint8Array(128 + 32);
  file.set(weightFile().data.subarray(0, 128));
  const view = new DataView(file.buffer);
  view.setBigUint64(72, 32n, true);
  const minusInfinity = 0xfc00;
  for (let row = 0; row < 4; row++) {
    for (let column = row + 1; column < 4; column++) view.setUint16(128 + 2 * (4 * row + column), minusInfinity, true);
  }
  const odd = 1;
  arena.view(odd, file.length).set(file);
  const info = device.compile(text, [{ path, offset: odd, bytes: file.length }]);
  arena.view(1024, 32).fill(0);
  device.evaluate(info.program, [1024, 2048]);
  const out = arena.view(2048, 32);
  const [one, half, quarter] = [0x3c00, 0x3800, 0x3400];
  const rows = Array.from(new Uint16Array(out.buffer, out.byteOffset, 16));
  expect([rows.slice(0, 4), rows.slice(4, 8), rows.slice(12)]).toEqual([
    [one, 0, 0, 0],
    [half, half, 0, 0],
    [quarter, quarter, quarter, quarter],
  ]);
});
