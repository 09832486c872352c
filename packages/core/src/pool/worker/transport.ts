import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { type AneApi, addon, type Connection, type ConnectionHandlers } from '@mayfly/native';
import { PROTOCOL_VERSION, type WorkerSettings } from '@mayfly/worker';
import { isLaunchVariable } from '../../collective/launcher.js';
import { ANE_API } from '../../machine/ane-api.js';
import type { Arena } from '../../memory/arena.js';

/** A started worker process: its connection, its pid, and signals to it. */
export interface Transport {
  readonly pid: number;
  readonly connection: Pick<
    Connection,
    'dispatch' | 'dispatchPorts' | 'prefetch' | 'control' | 'evaluationEnd' | 'ref' | 'unref' | 'close'
  >;
  /** The last lines that the worker wrote to stderr. */
  lastWords(): string;
  /** Sends a signal unless the process has exited. */
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

/** For glibc: a worker that compiles one generation of programs after the other reuses freed memory instead of new pages. */
const keepFreedMemory = { MALLOC_MMAP_THRESHOLD_: String(2 ** 25), MALLOC_TRIM_THRESHOLD_: String(2 ** 30) };

/**
 * Without Node's own variables: they would make a worker open an inspector, take our socket for Node's IPC channel, or read
 * certificates that it never needs (NODE_EXTRA_CA_CERTS takes half of a start). And without those of a launcher of ranks.
 */
function workerEnvironment(env: Environment): Record<string, string> {
  const kept = Object.entries({ ...keepFreedMemory, ...env }).filter(
    ([name]) => !name.startsWith('NODE_') && !isLaunchVariable(name),
  );
  return Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

type Environment = Readonly<Record<string, string | undefined>>;

/** How worker processes are started. */
export interface SpawnSettings {
  /** Default: `process.env` when a worker starts. */
  readonly env?: Environment | undefined;
  readonly execArgv?: readonly string[] | undefined;
  /** The API of device `ane`. Default: the one that `env` names. */
  readonly aneApi?: AneApi | null;
}

/** Starts workers as child processes that share `arena`. */
export function processTransport(
  arena: Arena,
  { env, execArgv = [], aneApi = null }: SpawnSettings = {},
): StartTransport {
  const chosen = aneApi === null ? {} : { [ANE_API]: aneApi };
  return (settings, handlers) => {
    const full: WorkerSettings = { ...settings, protocol: PROTOCOL_VERSION, parentPid: process.pid };
    let { onExit } = handlers;
    let alive = true;
    const child = addon.spawn({
      file: process.execPath,
      args: [...execArgv, workerEntry, JSON.stringify(full)],
      env: workerEnvironment({ ...(env ?? process.env), ...chosen }),
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
      const connection = addon.connect(child.connectionFd, handlers, child.lane);
      return { pid: child.pid, connection, lastWords: () => stderr.text, signal };
    } catch (error) {
      // Kill the unreachable process and ignore its exit.
      onExit = () => {};
      signal('SIGKILL');
      closeSync(child.connectionFd);
      throw error;
    }
  };
}

/** Enough for a stack trace or a sanitizer's summary. */
const TAIL_BYTES = 8 * 1024;

/** Reads a worker's stderr, so that the worker never blocks on it, and keeps the last lines for error reports. */
class StderrTail {
  #text = '';
  readonly #stream: Socket | null;

  constructor(fd: number) {
    let stream: Socket | null = null;
    try {
      stream = new Socket({ fd, readable: true, writable: false });
    } catch {
      closeSync(fd);
    }
    this.#stream = stream;
    if (stream === null) return;
    stream.unref();
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-TAIL_BYTES);
    });
    stream.on('error', () => {});
  }

  get text(): string {
    return this.#text.trimEnd();
  }

  /**
   * Calls `done` once `text` has everything that the worker, which has exited, wrote: the system closes a process's descriptors
   * before it reports the exit, so the event loop's next poll reads the rest. The end of the stream is not waited for, because a
   * process that the worker started may hold it open.
   */
  finish(done: () => void): void {
    // The first runs after the poll that reported the exit.
    setImmediate(() =>
      setImmediate(() => {
        this.#stream?.destroy();
        done();
      }),
    );
  }
}
