import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { isRunning, RunLock, thisProcess } from '@mayfly/core/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();
let folder = '';
const lockFile = () => join(folder, 'run.lock');
beforeEach(({ task }) => {
  folder = join(root, task.id);
  mkdirSync(folder);
});

const writeLock = (content: object) => writeFileSync(lockFile(), JSON.stringify(content));
const dead = () => spawnSync(process.execPath, ['-e', '0']).pid!;

describe('a process', () => {
  test('runs while it is the one that started then', () => {
    const self = thisProcess();
    expect(self).toMatchObject({ pid: process.pid, host: hostname() });
    expect(isRunning(self)).toBe(true);
    expect(isRunning({ ...self, started: null })).toBe(true);
  });

  test('has ended when its id is free, or another has it', () => {
    expect(isRunning({ ...thisProcess(), pid: dead() })).toBe(false);
    expect(isRunning({ ...thisProcess(), started: '1 another boot' })).toBe(false);
  });

  test.skipIf(process.platform !== 'linux')('has ended when only nobody has waited for it', async () => {
    // The shell becomes a program that does not wait for its child, which ends only then: at the end of file of descriptor 3.
    const script = 'sh -c "read line <&3" & echo $!; exec sleep 60';
    const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] });
    try {
      const [told] = await once(parent.stdout!.setEncoding('utf8'), 'data');
      const pid = Number(told);
      await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, 'latin1')).toBe('sleep\n');
      (parent.stdio[3] as Writable).end();
      const zombie = () => /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
      await expect.poll(zombie).toBe(true);
      expect(isRunning({ host: hostname(), pid, started: null })).toBe(false);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

describe('a lock', () => {
  test('is taken, held against another, and released', () => {
    const lock = RunLock.take(folder);
    expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toMatchObject({ ...thisProcess() });
    expect(() => RunLock.take(folder)).toThrow(/Expected no run at work in the folder .*, got a run of this process/);
    lock.release();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    RunLock.take(folder).release();
  });

  test.each([
    ['a process that has ended', () => ({ ...thisProcess(), pid: dead() })],
    ['an id that another process has now', () => ({ ...thisProcess(), started: '1 another boot' })],
    ['nobody, since a power failure cut it', () => ({})],
  ])('of %s is taken over', (_, holder) => {
    writeLock(holder());
    const lock = RunLock.take(folder);
    expect(lock.ensure()).toBe(false);
    expect(readdirSync(folder)).toEqual(['run.lock']);
  });

  test('of another host is told, not taken', () => {
    const other = { host: 'elsewhere', pid: 1, started: null };
    writeLock(other);
    expect(() => RunLock.take(folder)).toThrow(/process 1 of host elsewhere: if that has ended, remove .*run\.lock$/);
    expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toEqual(other);
  });

  test('that is no file, or leads nowhere, is an error', () => {
    mkdirSync(lockFile());
    expect(() => RunLock.take(folder)).toThrow(/EISDIR/);
    rmdirSync(lockFile());
    symlinkSync('/dev/zero', lockFile());
    expect(() => RunLock.take(folder)).toThrow(`Cannot read ${lockFile()}: it is a device`);
    folder = join(folder, 'other');
    mkdirSync(folder);
    symlinkSync(join(folder, 'nowhere'), lockFile());
    expect(() => RunLock.take(folder)).toThrow(expect.objectContaining({ code: 'ERR_FILE' }));
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });

  test('that somebody else has taken is not released, and is missed', () => {
    const lock = RunLock.take(folder);
    const other = { ...thisProcess(), pid: process.ppid, started: null };
    writeLock(other);
    expect(() => lock.ensure()).toThrow(expect.objectContaining({ code: 'ERR_RUN_LOCKED' }));
    lock.release();
    expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toEqual(other);
  });
});
