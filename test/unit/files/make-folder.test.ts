import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();

describe('a folder', () => {
  test('is made with those above it; one that is there stays', () => {
    const path = join(root, 'a', 'b', 'c');
    makeFolder(path);
    makeFolder(path);
    expect(existsSync(path)).toBe(true);
  });

  test('may be a link to one', () => {
    mkdirSync(join(root, 'target'));
    symlinkSync(join(root, 'target'), join(root, 'link'));
    makeFolder(join(root, 'link', 'below'));
    expect(existsSync(join(root, 'target', 'below'))).toBe(true);
  });

  test('is not made where something else has the name', () => {
    writeFileSync(join(root, 'file'), '');
    symlinkSync(join(root, 'nowhere'), join(root, 'dangling'));
    expect(() => makeFolder(join(root, 'file'))).toThrow(/: a file has that name/);
    expect(() => makeFolder(join(root, 'file', 'below'))).toThrow(/ENOTDIR/);
    expect(() => makeFolder(join(root, 'dangling'))).toThrow(/EEXIST/);
  });

  test.skipIf(process.platform !== 'linux')('is not made for ever where the file system makes none', () => {
    expect(() => makeFolder('/proc/nope')).toThrow(/: the file system makes no folders in \/proc$/);
    expect(() => makeFolder('/proc/nope/below')).toThrow(/\/proc\/nope/);
  });
});
