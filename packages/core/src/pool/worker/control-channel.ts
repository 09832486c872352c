import { errorOf } from '@mayfly/native';
import { packMessage, type WorkerRequest, type WorkerResponse } from '@mayfly/worker';
import PQueue from 'p-queue';
import type { Clock } from './clock.js';

/** A request as its sender writes it. */
export type RequestBody = WorkerRequest extends infer R
  ? R extends WorkerRequest
    ? Omit<R, 'request'>
    : never
  : never;
type Pending = { readonly resolve: (response: WorkerResponse) => void; readonly reject: (error: Error) => void };

/**
 * Requests to one worker and their answers, one at a time, so that a dispatch never waits behind more than one compilation.
 */
export class ControlChannel {
  readonly #clock: Clock;
  readonly #send: (payload: Uint8Array) => void;
  readonly #overdue: (reason: string) => void;
  readonly #turns = new PQueue({ concurrency: 1 });
  readonly #pending = new Map<number, Pending>();
  #failure: Error | null = null;
  #requests = 0;

  /** @param overdue Told when a request was not answered by its deadline; its promise stays open. */
  constructor(clock: Clock, send: (payload: Uint8Array) => void, overdue: (reason: string) => void) {
    this.#clock = clock;
    this.#send = send;
    this.#overdue = overdue;
  }

  /** Rejects with what the worker answers as an error, or with that of `fail`. The deadline is asked for when its turn comes. */
  ask(body: RequestBody, deadlineMs: () => number): Promise<WorkerResponse> {
    return this.#turns.add(async () => {
      if (this.#failure !== null) throw this.#failure;
      const request = ++this.#requests;
      const answered = new Promise<WorkerResponse>((resolve, reject) =>
        this.#pending.set(request, { resolve, reject }),
      );
      this.#send(packMessage({ ...body, request } as WorkerRequest));
      const milliseconds = deadlineMs();
      const complaint = `no answer to ${body.type} in ${Math.round(milliseconds)} ms`;
      const deadline = this.#clock.after(milliseconds, () => this.#overdue(complaint));
      try {
        return await answered;
      } finally {
        deadline.cancel();
      }
    });
  }

  /** An answer came. */
  settle(response: Exclude<WorkerResponse, { type: 'ready' }>): void {
    const pending = this.#pending.get(response.request);
    this.#pending.delete(response.request);
    if (response.type === 'error')
      pending?.reject(errorOf(response.error.code, response.error.message, response.error));
    else pending?.resolve(response);
  }

  /** No answer will come any more, to requests made or to be made. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
