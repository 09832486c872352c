import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { addon, type Connection, type ConnectionHandlers } from '@mayfly/native';
import { PROTOCOL_VERSION, type WorkerSettings } from '@mayfly/worker';
import type { Arena } from '../../memory/arena.js';
import { StderrTail } from './stderr-tail.js';

/** A started worker as the pool sees it: a connection, a pid to kill, an end to wait for. */
export interface Transport {
  readonly pid: number;
  readonly connection: Pick<Connection, 'dispatch' | 'dispatchPorts' | 'control' | 'ref' | 'unref' | 'close'>;
  /** What the worker has written to stderr last. */
  lastWords(): string;
  /** Sends a signal while the process is there. */
  signal(signal: NodeJS.Signals): void;
}

export interface TransportHandlers extends ConnectionHandlers {
  /** The process was reaped. Called once, after the last of its stderr was read. */
  readonly onExit: (exitCode: number | null, signal: string | null) => void;
}

export type StartTransport = (
  settings: Omit<WorkerSettings, 'protocol' | 'parentPid'>,
  handlers: TransportHandlers,
) => Transport;

const workerEntry = createRequire(import.meta.url).resolve('@mayfly/worker/entry');

/** For glibc: a worker that compiles one generation of programs after the other gets the same memory, not new pages of it. */
const keepFreedMemory = { MALLOC_MMAP_THRESHOLD_: String(2 ** 25), MALLOC_TRIM_THRESHOLD_: String(2 ** 30) };

/**
 * Node's own variables would make a worker open an inspector, take our socket for Node's IPC channel, or read certificates that
 * it never needs (NODE_EXTRA_CA_CERTS: half of a start).
 */
function workerEnvironment(): Record<string, string> {
  const kept = Object.entries({ ...keepFreedMemory, ...process.env }).filter(([name]) => !name.startsWith('NODE_'));
  return Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Starts workers as child processes of this one, over an arena. `nodeOptions`: how their Node is to be run. */
export function processTransport(arena: Arena, nodeOptions: readonly string[] = []): StartTransport {
  return (settings, handlers) => {
    const full: WorkerSettings = { ...settings, protocol: PROTOCOL_VERSION, parentPid: process.pid };
    let { onExit } = handlers;
    let alive = true;
    const child = addon.spawn({
      file: process.execPath,
      args: [...nodeOptions, workerEntry, JSON.stringify(full)],
      env: workerEnvironment(),
      arena: arena.native,
      lane: true,
      onExit: (exitCode, signal) => {
        alive = false;
        stderr.finish(() => onExit(exitCode, signal));
      },
    });
    const stderr = new StderrTail(child.stderrFd);
    const signal = (name: NodeJS.Signals) => {
      if (alive) process.kill(child.pid, name);
    };
    try {
      const connection = addon.connect(child.connectionFd, arena.native, handlers, child.lane);
      return { pid: child.pid, connection, lastWords: () => stderr.text, signal };
    } catch (error) {
      // A process that cannot be spoken to must not stay, and its end is nobody's business.
      onExit = () => {};
      signal('SIGKILL');
      closeSync(child.connectionFd);
      throw error;
    }
  };
}
