import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { isRecord, readTextIfThere } from '../files/read-file.js';
import { isRunning, type ProcessIdentity, thisProcess } from './process-identity.js';

export const lockName = 'run.lock';
/** Number of attempts to lock a folder. If another process was faster each time, the folder is refused. */
const MOST_TRIES = 20;

/**
 * Locks a run's folder for one trainer, by a file that names its process. The lock of a process that has ended is taken over, but not
 * that of a process on another host, which may still run.
 */
export class RunLock {
  readonly #path: string;
  readonly #folder: string;
  readonly #content: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, lockName);
    // The random word distinguishes two trainers of one process.
    this.#content = `${JSON.stringify({ ...thisProcess(), word: randomBytes(8).toString('hex') })}\n`;
  }

  /** @throws `ERR_RUN_LOCKED` if another trainer holds the folder; the file system's errors. */
  static take(folder: string): RunLock {
    const lock = new RunLock(folder);
    lock.#take();
    return lock;
  }

  /**
   * Checks that this trainer still holds the folder, and locks it again if the lock was deleted, perhaps with the folder.
   *
   * @returns Whether the lock was gone.
   * @throws As `take`.
   */
  ensure(): boolean {
    const held = readTextIfThere(this.#path);
    if (held === this.#content) return false;
    if (held !== null && isHeld(held)) throw this.#refusal(held);
    this.#take();
    return true;
  }

  /** Idempotent; does not remove the lock of another trainer. */
  release(): void {
    try {
      if (readTextIfThere(this.#path) === this.#content) rmSync(this.#path, { force: true });
    } catch {
      // The file cannot be read or removed: it is stale once this process has ended.
    }
  }

  #take(): void {
    const ours = `${this.#path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
    try {
      writeSynced(ours, this.#content);
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        if (linked(ours, this.#path)) return;
        const held = readTextIfThere(this.#path);
        if (held === null) continue;
        if (isHeld(held)) throw this.#refusal(held);
        this.#removeStale(held, `${ours}.stale`);
      }
    } finally {
      rmSync(ours, { force: true });
    }
    throw new MayflyError('ERR_FILE', `Expected to lock the folder ${this.#folder}, got nowhere: remove ${this.#path}`);
  }

  /** Removes a stale lock. Two processes may find the same one: the later must not remove the lock that the earlier has made since. */
  #removeStale(stale: string, aside: string): void {
    try {
      renameSync(this.#path, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    if (readTextIfThere(aside) !== stale) linked(aside, this.#path);
    rmSync(aside, { force: true });
  }

  #refusal(held: string): MayflyError {
    const { host, pid } = parse(held)!;
    const elsewhere = host === hostname() ? '' : ` of host ${host}: if that has ended, remove ${this.#path}`;
    const who = pid === process.pid && elsewhere === '' ? 'a run of this process' : `one of process ${pid}${elsewhere}`;
    return new MayflyError('ERR_RUN_LOCKED', `Expected no run at work in the folder ${this.#folder}, got ${who}`);
  }
}

/**
 * The process that trains in a folder, by its lock; null where none does. A process of another host is named, though it may have ended.
 * A lock that cannot be read counts as none.
 */
export function lockHolder(folder: string): ProcessIdentity | null {
  try {
    const content = readTextIfThere(join(folder, lockName));
    return content !== null && isHeld(content) ? parse(content) : null;
  } catch {
    return null;
  }
}

/** Whether a process holds the lock with this content. Content of another form was cut short by a power failure: no process holds it. */
function isHeld(content: string): boolean {
  const holder = parse(content);
  return holder !== null && (holder.host !== hostname() || isRunning(holder));
}

function parse(content: string): ProcessIdentity | null {
  try {
    const value: unknown = JSON.parse(content);
    if (!isRecord(value) || typeof value.host !== 'string' || !isPid(value.pid)) return null;
    return { host: value.host, pid: value.pid, started: typeof value.started === 'string' ? value.started : null };
  } catch {
    return null;
  }
}

// `kill` takes numbers below 1 for groups of processes.
const isPid = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** Links a complete file to a path unless that exists. This is atomic: no process sees a partial file. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS') return copied(from, to);
    throw error;
  }
}

/** Writes the lock on file systems without hard links, such as exFAT. */
function copied(from: string, to: string): boolean {
  try {
    writeSynced(to, readFileSync(from, 'utf8'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function writeSynced(path: string, content: string): void {
  const fd = openSync(path, 'wx');
  try {
    writeSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
