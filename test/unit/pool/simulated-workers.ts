import type { WorkerRequest, WorkerResponse, WorkerStats } from '@mayfly/worker';
import { packMessage, unpackRequest } from '@mayfly/worker';
import type { Arena } from '../../../packages/core/src/memory/arena.js';
import type { StartTransport, Transport, TransportHandlers } from '../../../packages/core/src/pool/transport.js';

type Item =
  | { kind: 'start' }
  | { kind: 'dispatch'; id: number; program: number; offsets: readonly number[] }
  | { kind: 'control'; request: WorkerRequest };

/** A worker that does one thing at a time, when the test says so. Its programs are the numbers in their weights. */
export class SimulatedWorker {
  readonly inbox: Item[] = [{ kind: 'start' }];
  readonly programs = new Map<number, number>();
  alive = true;
  /** The device fails the next dispatch or compilation. */
  fault: 'dispatch' | 'compile' | null = null;
  #exit: { code: number | null; signal: string | null } | null = null;
  #reaped = false;
  #closed = false;
  #ids = 0;
  #compilations = 0;
  #evaluations = 0;

  constructor(
    readonly id: number,
    readonly pid: number,
    readonly arena: Arena,
    readonly handlers: TransportHandlers,
    /** What each dispatch saw: output offset → weight. Shared by all workers. */
    readonly seen: Map<number, number[]>,
  ) {}

  get idle(): boolean {
    return this.#exit === null ? this.inbox.length === 0 : this.#reaped;
  }

  /** Delivers the next thing that is due; says whether there was one. */
  step(): boolean {
    if (this.#exit !== null) return this.#reap();
    const item = this.inbox.shift();
    if (item === undefined) return false;
    if (item.kind === 'start') {
      this.#send({ type: 'ready', protocol: 1, pid: this.pid, device: 'simulated', isa: 'none' });
    } else if (item.kind === 'dispatch') {
      this.#evaluations += 1;
      const weight = this.programs.get(item.program);
      const output = item.offsets[1]!;
      if (this.fault === 'dispatch') {
        this.fault = null;
        this.handlers.onCompletion(item.id, 3, 0, 'status 0x1d');
        return true;
      }
      if (weight === undefined) {
        this.handlers.onCompletion(item.id, 1, 0, `no program ${item.program}`);
        return true;
      }
      this.seen.set(output, [...(this.seen.get(output) ?? []), weight]);
      this.handlers.onCompletion(item.id, 0, 0, '');
    } else this.#answer(item.request);
    return true;
  }

  /** It ends by itself: nothing in its inbox is answered. */
  die(code: number | null, signal: string | null): void {
    if (!this.alive) return;
    this.alive = false;
    this.#exit = { code, signal };
  }

  closeConnection(): void {
    this.#closed = true;
  }

  #reap(): boolean {
    if (this.#reaped) return false;
    if (!this.#closed) {
      this.#closed = true;
      this.handlers.onClose(null);
      return true;
    }
    this.#reaped = true;
    this.handlers.onExit(this.#exit!.code, this.#exit!.signal);
    return true;
  }

  #answer(request: WorkerRequest): void {
    if (request.type === 'compile' && this.fault === 'compile') {
      this.fault = null;
      const error = { code: 'ERR_DEVICE_COMPILE', message: 'compiler refused' };
      this.#send({ type: 'error', request: request.request, error, stats: this.#stats() });
    } else if (request.type === 'compile') {
      const { offset, bytes } = request.weights[0]!;
      const program = ++this.#ids;
      this.#compilations += 1;
      this.programs.set(program, this.arena.native.view(offset, bytes)[0]!);
      const port = { dtype: 'fp32', shape: [1], bytes: 4 } as const;
      const info = {
        program,
        inputs: [{ name: 'x', ...port }],
        outputs: [{ name: 'y', ...port }],
        residentBytes: 1,
        compilations: 1,
        nanoseconds: 1,
      };
      this.#send({ type: 'compiled', request: request.request, info, stats: this.#stats() });
    } else if (request.type === 'unload') {
      this.programs.delete(request.program);
      this.#send({ type: 'unloaded', request: request.request, stats: this.#stats() });
    } else {
      this.#send({ type: 'retiring', request: request.request, stats: this.#stats() });
      this.die(0, null);
    }
  }

  #stats(): WorkerStats {
    return {
      compilations: this.#compilations,
      livePrograms: this.programs.size,
      evaluations: this.#evaluations,
      residentBytes: this.programs.size,
      evaluateNanoseconds: 0,
      compileNanoseconds: 0,
      processBytes: 0,
    };
  }

  #send(response: WorkerResponse): void {
    if (!this.#closed) this.handlers.onControl(packMessage(response));
  }
}

/** Workers in one process, which run only as far as `step` lets them. */
export class SimulatedWorkers {
  readonly workers: SimulatedWorker[] = [];
  readonly seen = new Map<number, number[]>();
  /** Most workers alive at once. */
  mostAlive = 0;
  #pids = 1000;

  readonly transport = (arena: Arena): StartTransport => {
    return (settings, handlers): Transport => {
      const worker = new SimulatedWorker(settings.worker, ++this.#pids, arena, handlers, this.seen);
      this.workers.push(worker);
      this.mostAlive = Math.max(this.mostAlive, this.alive.length);
      const post = (item: Item) => {
        if (worker.alive) worker.inbox.push(item);
      };
      return {
        pid: worker.pid,
        connection: {
          dispatch: (id, program, input, output) => post({ kind: 'dispatch', id, program, offsets: [input, output] }),
          dispatchPorts: (id, program, offsets) => post({ kind: 'dispatch', id, program, offsets }),
          control: (payload) => post({ kind: 'control', request: unpackRequest(payload) }),
          ref: () => {},
          unref: () => {},
          close: () => worker.closeConnection(),
        },
        lastWords: () => '',
        signal: (signal) => worker.die(null, signal),
      };
    };
  };

  get alive(): SimulatedWorker[] {
    return this.workers.filter((worker) => worker.alive);
  }

  /** Steps everything until nothing is due and no promise continues; `once`, only one step of each. */
  async settle(once = false): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const moved = this.workers.map((worker) => worker.step()).some(Boolean);
      quiet = moved ? 0 : quiet + 1;
      if (once) return;
    }
  }
}
