import { cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { addon } from '@mayfly/native';
import { afterAll, expect, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

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
    coded('ERR_INVALID_ARGUMENT', "precision to be 'exact' or 'fast', got `half`"),
  );
  expect(() => addon.openDevice('cpu', {} as never)).toThrow(coded('ERR_INVALID_ARGUMENT', 'arena'));
});

test('a package without its addon says how to get one', async () => {
  const folder = temporaryFolder();
  cpSync(dirname(fileURLToPath(import.meta.resolve('@mayfly/native'))), join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const entry = join(folder, 'dist', 'index.js');
  await expect(import(pathToFileURL(entry).href)).rejects.toThrow(
    coded('ERR_ADDON_LOAD', 'npm rebuild @mayfly/native'),
  );
});
