import { errorOf } from '@mayfly/native';
import {
  type AnswerTypes,
  answerTypes,
  packMessage,
  protocolError,
  type WorkerRequest,
  type WorkerResponse,
} from '@mayfly/worker';
import PQueue from 'p-queue';
import type { Clock } from './clock.js';

type RequestType = WorkerRequest['type'];
/** A request without its number. */
type RequestBody<Type extends RequestType> = Omit<Extract<WorkerRequest, { type: Type }>, 'request'>;

type AnswerTo<Type extends RequestType> = Extract<WorkerResponse, { type: AnswerTypes[Type] }>;
/** Any message of a worker but `ready`. */
export type Answer = Exclude<WorkerResponse, { type: 'ready' }>;

interface Pending {
  readonly type: AnswerTypes[RequestType];
  readonly resolve: (response: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Requests to one worker and their answers. One at a time, so that a dispatch never waits behind more than one compilation. */
export class ControlChannel {
  readonly #clock: Clock;
  readonly #send: (payload: Uint8Array) => void;
  readonly #overdue: (reason: string) => void;
  readonly #turns = new PQueue({ concurrency: 1 });
  readonly #pending = new Map<number, Pending>();
  #failure: Error | null = null;
  #requests = 0;

  /** @param overdue Called if a request was not answered by its deadline; its promise stays open. */
  constructor(clock: Clock, send: (payload: Uint8Array) => void, overdue: (reason: string) => void) {
    this.#clock = clock;
    this.#send = send;
    this.#overdue = overdue;
  }

  /**
   * Sends a request, and settles with its answer. Rejects with the error that the worker answers, with that of `fail`, or if
   * the request cannot be sent.
   *
   * @param deadlineMs Called when its turn comes.
   * @param stillWanted Called before; throws if the request is not to be sent any more.
   */
  ask<Type extends RequestType>(
    body: RequestBody<Type> & { readonly type: Type },
    deadlineMs: () => number,
    stillWanted: () => void = () => {},
  ): Promise<AnswerTo<Type>> {
    return this.#turns.add(async () => {
      if (this.#failure !== null) throw this.#failure;
      stillWanted();
      const request = ++this.#requests;
      // Everything that can throw comes before the request is stored.
      this.#send(packMessage({ ...body, request } as unknown as WorkerRequest));
      const milliseconds = deadlineMs();
      const complaint = `no answer to ${body.type} in ${Math.round(milliseconds)} ms`;
      const deadline = this.#clock.after(milliseconds, () => this.#overdue(complaint));
      const answered = new Promise<Answer>((resolve, reject) =>
        this.#pending.set(request, { type: answerTypes[body.type], resolve, reject }),
      );
      try {
        return (await answered) as AnswerTo<Type>;
      } finally {
        deadline.cancel();
      }
    });
  }

  /** Settles the request that an answer belongs to. Throws `ERR_PROTOCOL` if no request has its number. */
  settle(response: Answer): void {
    const pending = this.#pending.get(response.request);
    if (pending === undefined) throw protocolError('an answer to a request', `one to ${response.request}`);
    if (response.type !== 'error' && response.type !== pending.type) {
      throw protocolError(`an answer \`${pending.type}\``, `\`${response.type}\``);
    }
    this.#pending.delete(response.request);
    if (response.type !== 'error') pending.resolve(response);
    else pending.reject(errorOf(response.error.code, response.error.message, response.error));
  }

  /** Rejects all requests, also those made from now on. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
