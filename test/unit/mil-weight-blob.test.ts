import { expect, test } from 'vitest';
import { compile, compileError, program } from './mil-compile.js';

const path = '@model_path/weights/w.bin';

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
  ['a type that is not stored', text(64, path, 'tensor<bool, [16]>'), weightFile(), /a stored element type .*got bool/],
])('%s', (_, source, file, message) => {
  const error = compileError(source, file);
  expect(error.code).toBe('ERR_WEIGHT_BLOB');
  expect(error.message).toMatch(message);
  expect(error.message).toContain('(line 4, column ');
});
