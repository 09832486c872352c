import { subscribe, type TracingChannel, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { extname } from 'node:path';
import { invalidArgument } from '@mayfly/native';
import { type Activity, type ActivityMessage, publishActivities } from '../../decoder/activities.js';
import type { CompileMessage, DispatchMessage, WorkerMessage } from '../../pool/channels.js';
import type { WorkerState } from '../../pool/types.js';
import { nowOf } from '../../tracing.js';
import type { StepMessage, TrainerWorkMessage } from '../../train/channels.js';
import { Backlog, type Handler } from './backlog.js';
import { ChromeTrace } from './chrome-trace.js';
import { deliverHostMath, watchHostMath } from './host-math.js';
import { PerfettoTrace } from './perfetto-trace.js';
import type { SliceFields, SliceKind } from './slice.js';
import type { TraceFile } from './trace-file.js';
import { Track } from './track.js';
import { WorkerTracks } from './worker-tracks.js';

const formats: Readonly<Record<string, new (path: string) => TraceFile>> = {
  '.json': ChromeTrace,
  '.pftrace': PerfettoTrace,
};

/** What happened is written in batches, so often while there is any. */
const WRITE_MS = 500;

const kinds = {
  trainer: { category: 'train' },
  activity: { category: 'main' },
  hostMath: { category: 'host math' },
  sent: { category: 'dispatch', numbers: ['worker', 'id'], flow: 'from' },
  evaluation: { category: 'evaluation', numbers: ['id', 'copiedBytes'], flow: 'to' },
  unanswered: { category: 'evaluation', flow: 'to' },
  compilation: { category: 'compile' },
} as const satisfies Record<string, SliceKind>;

const waitNames: Readonly<Record<Activity, string>> = {
  kernels: 'wait for kernels',
  hostMath: 'wait for hostMath',
  hostThreads: 'wait for hostThreads',
  compile: 'wait for compile',
  dispatch: 'wait for dispatch',
};

/** The state that a worker has from each of its events on. */
const states: Readonly<Partial<Record<WorkerMessage['event'], WorkerState>>> = {
  workerStart: 'starting',
  workerReady: 'standby',
  workerServe: 'serving',
  workerRetire: 'retiring',
  workerDrain: 'exiting',
};

/**
 * Writes a trace of everything that pools and trainers of this process do from now on, until it is disposed of: the states of each worker, the compilations
 * and evaluations of its device with arrows from where they were sent, the steps of a training, its host math and what it waits for. Opens in
 * https://ui.perfetto.dev and, in the JSON form, in speedscope. Every slice is closed: where a worker died, at its death. Slices are written twice a
 * second, so the file of a process that is killed lacks the last half second.
 *
 * @param path Ends in `.json` (the JSON form of Chrome's traces) or `.pftrace` (Perfetto's protobuf form).
 * @throws `ERR_INVALID_ARGUMENT` for another ending; `ERR_FILE`.
 */
export function openTrace(path: string): Disposable {
  const Format = formats[extname(path)];
  if (Format === undefined)
    throw invalidArgument('trace', `a file that ends in ${Object.keys(formats).join(' or ')}`, path);
  return new Trace(new Format(path));
}

class Trace implements Disposable {
  readonly #file: TraceFile;
  readonly #backlog = new Backlog();
  #timer: NodeJS.Timeout | null = null;
  readonly #steps: Track;
  readonly #computed: Track;
  readonly #waits: Track;
  readonly #queue: Track;
  readonly #sends: Track;
  readonly #workers = new Map<number, WorkerTracks>();
  /** When the work that is under way began; dispatches say it themselves. */
  readonly #began = new Map<object, number>();
  readonly #subscriptions: (() => void)[] = [];
  #flows = 0;
  readonly #flowOf = new Map<object, number>();

  constructor(file: TraceFile) {
    this.#file = file;
    const { pid } = process;
    file.process(pid, 'main process');
    this.#steps = new Track(file, { pid, tid: 1 }, 'steps');
    this.#computed = new Track(file, { pid, tid: 2 }, 'main thread');
    this.#waits = new Track(file, { pid, tid: 3 }, 'waits');
    this.#sends = new Track(file, { pid, tid: 4 }, 'dispatches sent');
    this.#queue = new Track(file, { pid, tid: 5 }, 'host-math queue');
    this.#subscriptions.push(
      watchHostMath((name, began, ended) => this.#queue.add(kinds.hostMath, name, nowOf(began), nowOf(ended))),
    );
    process.on('exit', this.#write);
    const onWorker: Handler = (message, atMs) => this.#onWorker(message as WorkerMessage, atMs);
    this.#plain('mayfly:worker', (message) => this.#put(onWorker, message));
    // These come in batches.
    this.#plain('mayfly:activity', (message) => this.#onActivity(message as ActivityMessage));
    this.#traced(
      'mayfly:dispatch',
      (message, atMs) => this.#onSent(message as DispatchMessage, atMs),
      (message, atMs) => this.#onAnswered(message as DispatchMessage, atMs),
    );
    this.#timed('mayfly:compile', (message, beganMs, endedMs) =>
      this.#onCompiled(message as CompileMessage, beganMs, endedMs),
    );
    for (const name of ['step', 'checkpoint', 'evaluation', 'sample']) {
      this.#timed(`mayfly:${name}`, (message, beganMs, endedMs) =>
        this.#onTrainer(name, message as TrainerWorkMessage, beganMs, endedMs),
      );
    }
  }

  [Symbol.dispose](): void {
    publishActivities();
    for (const end of this.#subscriptions.splice(0)) end();
    this.#write();
    const now = performance.now();
    for (const message of this.#flowOf.keys()) this.#unanswered(message as DispatchMessage, now, { unfinished: true });
    for (const worker of this.#workers.values()) worker.become(null, now, { unfinished: true });
    this.#workers.clear();
    this.#file.flush();
    process.off('exit', this.#write);
    this.#file[Symbol.dispose]();
  }

  readonly #write = (): void => {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    publishActivities();
    deliverHostMath();
    this.#backlog.work();
    this.#file.flush();
  };

  #put(handler: Handler, message: unknown): void {
    this.#backlog.add(handler, message as object);
    if (this.#backlog.isFull) this.#write();
    else this.#timer ??= setTimeout(this.#write, WRITE_MS).unref();
  }

  #plain(name: string, listener: (message: unknown) => void): void {
    subscribe(name, listener);
    this.#subscriptions.push(() => unsubscribe(name, listener));
  }

  #traced(name: string, onStart: Handler, onEnd: Handler): void {
    const { start, asyncEnd }: TracingChannel<object, object> = tracingChannel(name);
    const begin = (message: unknown) => this.#put(onStart, message);
    const end = (message: unknown) => this.#put(onEnd, message);
    start.subscribe(begin);
    asyncEnd.subscribe(end);
    this.#subscriptions.push(() => {
      start.unsubscribe(begin);
      asyncEnd.unsubscribe(end);
    });
  }

  /** For work whose messages do not say when it began: not known of what began before the trace. */
  #timed(name: string, onEnd: (message: object, beganMs: number | undefined, endedMs: number) => void): void {
    this.#traced(
      name,
      (message, atMs) => this.#began.set(message, atMs),
      (message, atMs) => {
        onEnd(message, this.#began.get(message), atMs);
        this.#began.delete(message);
      },
    );
  }

  #worker({ worker, pid }: { readonly worker: number; readonly pid: number }): WorkerTracks {
    const known = this.#workers.get(pid);
    if (known !== undefined) return known;
    const tracks = new WorkerTracks(this.#file, pid, worker);
    this.#workers.set(pid, tracks);
    return tracks;
  }

  #onWorker(message: WorkerMessage, atMs: number): void {
    if (message.event === 'budgetLower') return;
    if (message.event === 'workerExit') {
      const { pid, exitCode, signal, expected, reason, compilations, evaluations } = message;
      const fields = { ended: 'exit', exitCode, signal, expected, reason, compilations, evaluations };
      this.#worker(message).become(null, atMs, fields);
      this.#workers.delete(pid);
    } else {
      const state = states[message.event];
      const fields = message.event === 'workerRetire' ? { retiresFor: message.reason } : undefined;
      if (state !== undefined) this.#worker(message).become(state, atMs, fields);
    }
  }

  #onSent(message: DispatchMessage, atMs: number): void {
    const { kernel, worker, id, sentMs } = message;
    this.#flows += 1;
    this.#flowOf.set(message, this.#flows);
    this.#sends.add(kinds.sent, kernel, sentMs, atMs, [worker, id], this.#flows);
  }

  #onAnswered(message: DispatchMessage, atMs: number): void {
    const { kernel, id, evaluation, copiedBytes = 0, error } = message;
    const flow = this.#flowOf.get(message);
    if (evaluation === undefined) {
      this.#unanswered(message, atMs, { failed: true, error: error instanceof Error ? error.message : 'unknown' });
    } else if (flow !== undefined) {
      const { beganMs, endedMs } = evaluation;
      this.#worker(message).device.add(kinds.evaluation, kernel, beganMs, endedMs, [id, copiedBytes], flow);
    }
    this.#flowOf.delete(message);
  }

  /** A dispatch that failed, or was lost with its worker, or that has not been answered yet. */
  #unanswered(message: DispatchMessage, atMs: number, fields: SliceFields): void {
    const { kernel, sentMs, id } = message;
    const flow = this.#flowOf.get(message);
    const { device } = this.#worker(message);
    device.describe(kinds.unanswered, kernel, sentMs, atMs, { id, ...fields }, flow);
  }

  #onCompiled(message: CompileMessage, requestedMs: number | undefined, answeredMs: number): void {
    const { kernel, reason, compilation, error } = message;
    const beganMs = compilation?.beganMs ?? requestedMs;
    if (beganMs === undefined) return;
    const endedMs = compilation?.endedMs ?? answeredMs;
    const fields = { reason, ...(error instanceof Error && { failed: true, error: error.message }) };
    this.#worker(message).device.describe(kinds.compilation, `compile ${kernel}`, beganMs, endedMs, fields);
  }

  #onActivity({ activity, waited, beganMs, endedMs }: ActivityMessage): void {
    if (waited) this.#waits.add(kinds.activity, waitNames[activity], beganMs, endedMs);
    else this.#computed.add(kinds.activity, activity, beganMs, endedMs);
  }

  #onTrainer(
    name: string,
    message: StepMessage | TrainerWorkMessage,
    beganMs: number | undefined,
    endedMs: number,
  ): void {
    if (beganMs === undefined) return;
    const { step, error } = message;
    const fields: SliceFields = { step, ...(error instanceof Error && { failed: true, error: error.message }) };
    this.#steps.describe(kinds.trainer, `${name} ${step}`, beganMs, endedMs, fields);
  }
}
