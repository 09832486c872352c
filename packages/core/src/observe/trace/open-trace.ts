import { subscribe, type TracingChannel, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { extname } from 'node:path';
import { invalidArgument } from '@mayfly/native';
import type { ActivityMessage } from '../../decoder/stopwatch.js';
import type { CompileMessage, DispatchMessage, WorkerMessage } from '../../pool/channels.js';
import type { WorkerState } from '../../pool/types.js';
import { nowOf } from '../../tracing.js';
import type { StepMessage, TrainerWorkMessage } from '../../train/channels.js';
import { ChromeTrace } from './chrome-trace.js';
import { deliverHostMath, watchHostMath } from './host-math.js';
import { PerfettoTrace } from './perfetto-trace.js';
import type { SliceArguments, TraceFile } from './trace-file.js';
import { Track } from './track.js';
import { WorkerTracks } from './worker-tracks.js';

const formats: Readonly<Record<string, new (path: string) => TraceFile>> = {
  '.json': ChromeTrace,
  '.pftrace': PerfettoTrace,
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
 * https://ui.perfetto.dev and, in the JSON form, in speedscope. Every slice is closed: where a worker died, at its death.
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
  readonly #steps: Track;
  readonly #computed: Track;
  readonly #waits: Track;
  readonly #queue: Track;
  readonly #sends: Track;
  readonly #workers = new Map<number, WorkerTracks>();
  /** When the work that is under way began. */
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
      watchHostMath(({ name, began, ended }) => {
        this.#queue.add({ name, category: 'host math', beganMs: nowOf(began), endedMs: nowOf(ended) });
      }),
    );
    this.#plain('mayfly:worker', (message) => this.#onWorker(message as WorkerMessage));
    this.#plain('mayfly:activity', (message) => this.#onActivity(message as ActivityMessage));
    this.#traced('mayfly:dispatch', {
      onStart: (message) => this.#onSent(message as DispatchMessage),
      onEnd: (message) => this.#onAnswered(message as DispatchMessage),
    });
    this.#traced('mayfly:compile', { onEnd: (message) => this.#onCompiled(message as CompileMessage) });
    for (const name of ['step', 'checkpoint', 'evaluation', 'sample']) {
      this.#traced(`mayfly:${name}`, { onEnd: (message) => this.#onTrainer(name, message as TrainerWorkMessage) });
    }
  }

  [Symbol.dispose](): void {
    for (const end of this.#subscriptions.splice(0)) end();
    for (const message of this.#flowOf.keys()) this.#unanswered(message as DispatchMessage, { unfinished: true });
    for (const worker of this.#workers.values()) worker.become(null, { unfinished: true });
    this.#workers.clear();
    this.#file[Symbol.dispose]();
  }

  #plain(name: string, listener: (message: unknown) => void): void {
    subscribe(name, listener);
    this.#subscriptions.push(() => unsubscribe(name, listener));
  }

  #traced(
    name: string,
    { onStart, onEnd }: { readonly onStart?: (message: object) => void; readonly onEnd: (message: object) => void },
  ): void {
    const { start, asyncEnd }: TracingChannel<object, object> = tracingChannel(name);
    const begin = (message: unknown) => {
      this.#began.set(message as object, performance.now());
      onStart?.(message as object);
    };
    const end = (message: unknown) => {
      onEnd(message as object);
      this.#began.delete(message as object);
    };
    start.subscribe(begin);
    asyncEnd.subscribe(end);
    this.#subscriptions.push(() => {
      start.unsubscribe(begin);
      asyncEnd.unsubscribe(end);
    });
  }

  #worker({ worker, pid }: { readonly worker: number; readonly pid: number }): WorkerTracks {
    const known = this.#workers.get(pid);
    if (known !== undefined) return known;
    const tracks = new WorkerTracks(this.#file, pid, worker);
    this.#workers.set(pid, tracks);
    return tracks;
  }

  #onWorker(message: WorkerMessage): void {
    if (message.event === 'budgetLower') return;
    if (message.event === 'workerExit') {
      const { pid, exitCode, signal, expected, reason, compilations, evaluations } = message;
      const fields = { ended: 'exit', exitCode, signal, expected, reason, compilations, evaluations };
      this.#worker(message).become(null, fields);
      this.#workers.delete(pid);
    } else {
      const state = states[message.event];
      const fields = message.event === 'workerRetire' ? { retiresFor: message.reason } : undefined;
      if (state !== undefined) this.#worker(message).become(state, fields);
    }
  }

  #onSent(message: DispatchMessage): void {
    const { kernel, worker, id, sentMs } = message;
    this.#flows += 1;
    this.#flowOf.set(message, this.#flows);
    const slice = { name: kernel, category: 'dispatch', beganMs: sentMs, endedMs: performance.now() };
    this.#sends.add({ ...slice, fields: { worker, id }, flowFrom: this.#flows });
  }

  #onAnswered(message: DispatchMessage): void {
    const { kernel, id, evaluation, copiedBytes = 0, error } = message;
    const flowTo = this.#flowOf.get(message);
    if (evaluation === undefined) {
      this.#unanswered(message, { failed: true, error: error instanceof Error ? error.message : 'unknown' });
    } else if (flowTo !== undefined) {
      const { beganMs, endedMs } = evaluation;
      const fields = { id, copiedBytes };
      this.#worker(message).device.add({ name: kernel, category: 'evaluation', beganMs, endedMs, fields, flowTo });
    }
    this.#flowOf.delete(message);
  }

  /** A dispatch that failed, or was lost with its worker, or that has not been answered yet. */
  #unanswered(message: DispatchMessage, fields: SliceArguments): void {
    const { kernel, sentMs, id } = message;
    const slice = { name: kernel, category: 'evaluation', beganMs: sentMs, endedMs: performance.now() };
    this.#worker(message).device.add({ ...slice, fields: { id, ...fields }, flowTo: this.#flowOf.get(message) });
  }

  #onCompiled(message: CompileMessage): void {
    const { kernel, reason, compilation, error } = message;
    const name = `compile ${kernel}`;
    const beganMs = compilation?.beganMs ?? this.#began.get(message);
    if (beganMs === undefined) return;
    const endedMs = compilation?.endedMs ?? performance.now();
    const fields = { reason, ...(error instanceof Error && { failed: true, error: error.message }) };
    this.#worker(message).device.add({ name, category: 'compile', beganMs, endedMs, fields });
  }

  #onActivity({ activity, waited, beganMs, endedMs }: ActivityMessage): void {
    const track = waited ? this.#waits : this.#computed;
    track.add({ name: waited ? `wait for ${activity}` : activity, category: 'main', beganMs, endedMs });
  }

  #onTrainer(name: string, message: StepMessage | TrainerWorkMessage): void {
    deliverHostMath();
    const beganMs = this.#began.get(message);
    if (beganMs === undefined) return;
    const { step } = message;
    const failed: SliceArguments = message.error instanceof Error ? { failed: true, error: message.error.message } : {};
    const slice = { name: `${name} ${step}`, category: 'train', beganMs, endedMs: performance.now() };
    this.#steps.add({ ...slice, fields: { step, ...failed } });
  }
}
