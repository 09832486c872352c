import { type AneApi, MayflyError, type ProgramInfo } from '@mayfly/native';
import { unpackResponse } from '@mayfly/worker';
import { chooseAneApi } from '../machine/ane-api.js';
import type { Arena } from '../memory/arena.js';
import { Clock } from '../pool/worker/clock.js';
import { ControlChannel } from '../pool/worker/control-channel.js';
import { processTransport, type Transport } from '../pool/worker/transport.js';
import type { ProgramSource } from '../pool/worker/worker-process.js';

/** A worker process without a pool. If a request kills it, nothing is repeated. */
export class ProbeWorker {
  readonly #clock = new Clock();
  readonly #transport: Transport;
  readonly #control: ControlChannel;
  readonly #ready: Promise<void>;
  readonly #ended: Promise<void>;
  #lost = false;

  /** @param api Of device `ane`. Default: the one that pools use. */
  constructor(arena: Arena, device: string, api: AneApi | null = chooseAneApi(device, process.env).api) {
    const ready = deferred();
    const ended = deferred();
    this.#ready = ready.promise;
    this.#ready.catch(() => {});
    this.#ended = ended.promise;
    const lose = (reason: string) => {
      if (this.#lost) return;
      this.#lost = true;
      const error = new MayflyError('ERR_WORKER_LOST', `Lost the probed process: ${reason}`);
      ready.reject(error);
      this.#control.fail(error);
    };
    this.#transport = processTransport(arena, { aneApi: api })(
      { worker: 0, device, threads: 1, precision: 'exact' },
      {
        onCompletion: () => {},
        onControl: (payload) => {
          try {
            const answer = unpackResponse(payload);
            if (answer.type !== 'ready') this.#control.settle(answer);
            else ready.resolve();
          } catch (error) {
            this.#transport.signal('SIGKILL');
            lose((error as Error).message);
          }
        },
        onClose: () => lose('it closed its socket'),
        onExit: (exitCode, signal) => {
          lose(signal ?? `exit code ${exitCode}: ${this.#transport.lastWords().trim()}`);
          ended.resolve();
        },
      },
    );
    const { connection } = this.#transport;
    connection.ref();
    this.#control = new ControlChannel(
      this.#clock,
      (payload) => connection.control(payload),
      () => this.#transport.signal('SIGKILL'),
    );
  }

  /** Waits until the process is ready; kills it at the deadline. */
  async ready(deadlineMs: number): Promise<void> {
    const deadline = this.#clock.after(deadlineMs, () => this.#transport.signal('SIGKILL'));
    try {
      await this.#ready;
    } finally {
      deadline.cancel();
    }
  }

  async compile(text: string, weights: ProgramSource['weights'], deadlineMs: number): Promise<ProgramInfo> {
    const { info } = await this.#control.ask({ type: 'compile', text, weights }, () => deadlineMs);
    return info;
  }

  async unload(program: number, deadlineMs: number): Promise<void> {
    await this.#control.ask({ type: 'unload', program }, () => deadlineMs);
  }

  /** Makes the process unload its programs and exit; kills it at the deadline. */
  async end(deadlineMs: number): Promise<void> {
    await this.#control.ask({ type: 'retire' }, () => deadlineMs).catch(() => {});
    const deadline = this.#clock.after(deadlineMs, () => this.#transport.signal('SIGKILL'));
    await this.#ended;
    deadline.cancel();
    this.#transport.connection.close();
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((resolveIt, rejectIt) => {
    resolve = resolveIt;
    reject = rejectIt;
  });
  return { promise, resolve, reject };
}
