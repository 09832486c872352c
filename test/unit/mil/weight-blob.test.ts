import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';
import { publicForms } from '../../contract/cases/public-forms.cases.js';
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
    'the record of a smaller tensor',
    text(64),
    weightFile((v) => v.setBigUint64(72, 14n, true)),
    /16 bytes for tensor<fp16, \[8\]> .*got 14/,
  ],
  [
    'the record of a larger tensor',
    text(64, path, 'tensor<fp16, [4]>'),
    weightFile(),
    /8 bytes for tensor<fp16, \[4\]> .*got 16/,
  ],
  [
    'data of which the last byte is missing',
    text(64),
    weightFile(undefined, 143),
    /16 bytes of data behind the record/,
  ],
  [
    'no offset of the data, and none behind the record',
    text(64),
    weightFile((v) => v.setBigUint64(80, 0n, true), 143),
    /16 bytes of data behind the record .*got a file of 143 bytes/,
  ],
  ...[130n, 136n].map((at): [string, string, ReturnType<typeof weightFile>, RegExp] => [
    `data at ${at}`,
    text(64, path, 'tensor<fp16, [4]>'),
    weightFile((v) => {
      v.setBigUint64(72, 8n, true);
      v.setBigUint64(80, at, true);
    }),
    new RegExp(`data at a multiple of 64 bytes .*got ${at}`),
  ]),
  [
    'the data type of fp16 for numbers of four bytes',
    text(64, path, 'tensor<fp32, [4]>'),
    weightFile(),
    /data type 2 \(fp32\) .*got 1/,
  ],
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

const states = (fields: string): RegExp =>
  new RegExp(`record at offset 64 of weight file .* states ${fields}: it is read as tensor<fp16, \\[8\\]> from 128`);

test.each<[string, (view: DataView) => void, RegExp]>([
  ['no offset of the data', (v) => v.setBigUint64(80, 0n, true), states('data at 0')],
  ['an offset within the record', (v) => v.setBigUint64(80, 127n, true), states('data at 127')],
  ['the record as its own data', (v) => v.setBigUint64(80, 64n, true), states('data at 64')],
  ['an offset beyond the file', (v) => v.setBigUint64(80, 192n, true), states('data at 192')],
  ['an offset that wraps', (v) => v.setBigUint64(80, 2n ** 64n - 8n, true), states('data at 18446744073709551608')],
  ['no size', (v) => v.setBigUint64(72, 0n, true), states('0 bytes')],
  ['a size beyond the file', (v) => v.setBigUint64(72, 0x80000n, true), states('524288 bytes')],
])('a record with %s is read by the type and shape of its tensor, with one warning', (_, edit, warning) => {
  const file = weightFile(edit);
  file.data.set([1, 2, 3, 4], 128);
  const info = compile(text(64), file);
  expect(info.warnings).toEqual([expect.stringMatching(warning)]);
  arena.view(4096, 64).fill(0);
  device.evaluate(info.program, [4096, 8192, 16384]);
  expect([...arena.view(16384, 4)]).toEqual([1, 2, 3, 4]);
});

test('records that describe their tensors give no warning, and others one each', () => {
  for (const { name, text, weights, warnings } of publicForms) {
    const file =
      weights === null ? undefined : { path: '@model_path/weights/weight.bin', data: Buffer.from(weights, 'base64') };
    expect(compile(text, file).warnings, name).toHaveLength(warnings);
  }
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
