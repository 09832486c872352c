import { errorOf, MayflyError, type ProgramInfo } from '@mayfly/native';
import { packMessage, unpackResponse, type WorkerRequest, type WorkerResponse } from '@mayfly/worker';
import type { Arena } from '../memory/arena.js';
import { processTransport, type Transport } from '../pool/worker/transport.js';

type RequestBody = WorkerRequest extends infer R ? (R extends WorkerRequest ? Omit<R, 'request'> : never) : never;
type WeightRanges = Extract<WorkerRequest, { type: 'compile' }>['weights'];

/** A worker process without a pool: what it is asked may kill it, and nothing is repeated. */
export class ProbeWorker {
  readonly #transport: Transport;
  readonly #ready: Promise<void>;
  readonly #ended: Promise<void>;
  readonly #pending = new Map<number, { resolve: (answer: WorkerResponse) => void; reject: (error: Error) => void }>();
  #sequence = 0;
  #lost: Error | null = null;

  constructor(arena: Arena, device: string) {
    const ready = deferred();
    const ended = deferred();
    this.#ready = ready.promise;
    this.#ready.catch(() => {});
    this.#ended = ended.promise;
    const lose = (reason: string) => {
      this.#lost ??= new MayflyError('ERR_WORKER_LOST', `Expected an answer of the probed process, got ${reason}`);
      ready.reject(this.#lost);
      for (const { reject } of this.#pending.values()) reject(this.#lost);
      this.#pending.clear();
    };
    this.#transport = processTransport(arena)(
      { worker: 0, device, threads: 1, precision: 'exact' },
      {
        onCompletion: () => {},
        onControl: (payload) => {
          const answer = unpackResponse(payload);
          if (answer.type === 'ready') ready.resolve();
          else this.#pending.get(answer.request)?.resolve(answer);
        },
        onClose: () => lose('its end'),
        onExit: (exitCode, signal) => {
          lose(signal ?? `exit code ${exitCode}: ${this.#transport.lastWords().trim()}`);
          ended.resolve();
        },
      },
    );
    this.#transport.connection.ref();
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  async compile(text: string, weights: WeightRanges, deadlineMs: number): Promise<ProgramInfo> {
    const answer = await this.#ask({ type: 'compile', text, weights }, deadlineMs);
    if (answer.type !== 'compiled') throw new MayflyError('ERR_PROTOCOL', `Expected compiled, got ${answer.type}`);
    return answer.info;
  }

  async unload(program: number, deadlineMs: number): Promise<void> {
    await this.#ask({ type: 'unload', program }, deadlineMs);
  }

  /** Lets it unload everything and exit; kills it where it does not. */
  async end(deadlineMs: number): Promise<void> {
    await this.#ask({ type: 'retire' }, deadlineMs).catch(() => {});
    const timer = setTimeout(() => this.#transport.signal('SIGKILL'), deadlineMs);
    await this.#ended;
    clearTimeout(timer);
    this.#transport.connection.close();
  }

  async #ask(body: RequestBody, deadlineMs: number): Promise<WorkerResponse> {
    if (this.#lost !== null) throw this.#lost;
    const request = this.#sequence++;
    const answered = new Promise<WorkerResponse>((resolve, reject) => this.#pending.set(request, { resolve, reject }));
    this.#transport.connection.control(packMessage({ ...body, request } as WorkerRequest));
    const overdue = setTimeout(() => this.#transport.signal('SIGKILL'), deadlineMs);
    try {
      const answer = await answered;
      if (answer.type === 'error') throw errorOf(answer.error.code, answer.error.message, answer.error);
      return answer;
    } finally {
      clearTimeout(overdue);
      this.#pending.delete(request);
    }
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
