import { spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { addon } from '@mayfly/native';
import { afterAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const arena = addon.createArena(1 << 16);
const device = addon.openDevice('cpu', arena);
afterAll(() => {
  device.close();
  arena.close();
});
const coded = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

test('devices are opened by name', () => {
  expect(addon.deviceNames()).toContain('cpu');
  expect(device.name).toBe('cpu');
  expect(() => addon.openDevice('tpu', arena)).toThrow(coded('ERR_DEVICE_UNAVAILABLE', 'cpu'));
  expect(() => addon.openDevice('cpu', arena, { threads: 0 })).toThrow(coded('ERR_INVALID_ARGUMENT', 'threads'));
  expect(() => addon.openDevice('cpu', arena, { precision: 'half' as never })).toThrow(
    coded('ERR_INVALID_ARGUMENT', "precision to be 'exact', 'fast' or 'blas', got `half`"),
  );
  expect(() => addon.openDevice('cpu', {} as never)).toThrow(coded('ERR_INVALID_ARGUMENT', 'arena'));
});

/** y = x·x·x·x of fp16 [rows, rows], whose steps need scratch memory. */
const fourthPower = (rows: number): string => {
  const shape = `tensor<fp16, [${rows}, ${rows}]>`;
  const product = (y: string, a: string, b: string) =>
    `${shape} ${y} = matmul(transpose_x = no, transpose_y = no, x = ${a}, y = ${b})[name = string("${y}")];`;
  return `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]
{
    func main<ios18>(${shape} x) {
        bool no = const()[name = string("no"), val = bool(false)];
        ${product('x2', 'x', 'x')}
        ${product('x3', 'x2', 'x')}
        ${product('y', 'x3', 'x')}
    } -> (y);
}
`;
};

test('programs share the memory that they need only while they run', () => {
  const own = addon.openDevice('cpu', arena);
  const [x, y] = [0, 1 << 15];
  const bits = (offset: number, rows: number) =>
    Array.from(new Uint16Array(arena.view(offset, 2 * rows * rows).slice().buffer));
  arena.view(x, 1 << 15).fill(0x31);
  const small = own.compile(fourthPower(16), []);
  expect(small.residentBytes).toBeGreaterThanOrEqual(16 * 16 * 2);
  own.evaluate(small.program, [x, y]);
  const expected = bits(y, 16);
  expect(own.compile(fourthPower(16), []).residentBytes).toBe(small.residentBytes);
  expect(own.stats().residentBytes).toBe(small.residentBytes);
  // A program that needs more moves what the others use.
  const large = own.compile(fourthPower(128), []);
  own.evaluate(large.program, [x, y]);
  expect(own.stats().residentBytes).toBe(large.residentBytes);
  arena.view(y, 1 << 15).fill(0);
  own.evaluate(small.program, [x, y]);
  expect(bits(y, 16)).toEqual(expected);
  for (let program = 1; program <= 3; program++) own.unload(program);
  expect(own.stats().residentBytes).toBe(0);
  own.close();
});

test('a package without its addon says how to get one', async () => {
  const folder = temporaryFolder();
  const dist = dirname(fileURLToPath(import.meta.resolve('@mayfly/native')));
  cpSync(dist, join(folder, 'dist'), { recursive: true });
  cpSync(join(dist, '..', 'package.json'), join(folder, 'package.json'));
  const entry = join(folder, 'dist', 'index.js');
  await expect(import(pathToFileURL(entry).href)).rejects.toThrow(
    coded('ERR_ADDON_LOAD', `node "${join(folder, 'build-addon.mjs')}"`),
  );
});

test('the code of the package in another place says that it was bundled', async () => {
  const folder = temporaryFolder();
  cpSync(dirname(fileURLToPath(import.meta.resolve('@mayfly/native'))), join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "app", "type": "module" }');
  const entry = join(folder, 'dist', 'index.js');
  await expect(import(pathToFileURL(entry).href)).rejects.toThrow(coded('ERR_BUNDLED', '--external:@mayfly/*'));
});

/** Others name themselves in `process.versions`; none of them is here. */
test.each(['bun', 'deno', 'electron'])('%s is refused before the addon is loaded', (name) => {
  const program = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, ${name}: '1.2.3' } });
    import('@mayfly/native').catch(({ code, message }) => console.log(code, message));`;
  const { stdout } = spawnSync(process.execPath, ['--eval', program], {
    ...{ cwd: import.meta.dirname, encoding: 'utf8', env: { ...process.env, MAYFLY_ADDON: '/nowhere' } },
  });
  expect(stdout).toMatch(new RegExp(`^ERR_RUNTIME .* not on ${name} 1\\.2\\.3, `, 'i'));
});
