import type { Arena, TransportHandlers } from '@mayfly/core/testing';
import type { WorkerRequest, WorkerResponse, WorkerStats } from '@mayfly/worker';
import { PROTOCOL_VERSION, packMessage } from '@mayfly/worker';
import type { Seen } from './simulated-workers.js';

export type Item =
  | { readonly kind: 'start' }
  | { readonly kind: 'dispatch'; readonly id: number; readonly program: number; readonly offsets: readonly number[] }
  | { readonly kind: 'control'; readonly request: WorkerRequest };

/** Programs that are wrong, by their texts: what a compilation, or else an evaluation, of them comes to. */
export const mistakes: Readonly<
  Record<string, { readonly code?: string; readonly status?: number; readonly message: string }>
> = {
  'is no MIL': { code: 'ERR_MIL_SYNTAX', message: 'Expected program, got is' },
  'has a bad weight file': { code: 'ERR_WEIGHT_BLOB', message: 'Expected a weight file below @model_path, got /x' },
  'is not compiled': { code: 'ERR_ANE_COMPILE', message: 'InvalidMILProgram' },
  'is not evaluated': { status: 3, message: 'status=0x1d' },
  'is given bad data': { status: 4, message: 'Expected an index below 4, got 99' },
};

/**
 * A worker that does one thing at a time, when the test says so. Its programs are the numbers in their weights. It is more
 * hostile than a real one: its answers reach the pool even after the pool has closed the connection.
 */
export class SimulatedWorker {
  readonly inbox: Item[] = [{ kind: 'start' }];
  readonly programs = new Map<number, number>();
  alive = true;
  reaped = false;
  /** It does nothing more, until it is killed. */
  hung = false;
  /** It does what it still has to do after it was given up, before its process ends. */
  late = false;
  /** The device fails the next dispatch or compilation, or says of the latter that it is one too many. */
  fault: 'dispatch' | 'compile' | 'limit' | null = null;
  /** What its device says an evaluation took. */
  nanoseconds = 0;
  /** What its device says it holds. */
  residentBytes = 0;
  /** What its process holds after so many evaluations. */
  memory: (evaluations: number) => number = () => 0;
  readonly #texts = new Map<number, string>();
  #exit: { code: number | null; signal: string | null } | null = null;
  #closed = false;
  #ids = 0;
  #compilations = 0;
  #evaluations = 0;

  constructor(
    readonly id: number,
    readonly pid: number,
    readonly arena: Arena,
    readonly handlers: TransportHandlers,
    readonly seen: Map<number, Seen[]>,
  ) {}

  /** The pool still takes its answers. */
  get connected(): boolean {
    return !this.#closed;
  }

  receive(item: Item): void {
    if (this.alive) this.inbox.push(item);
  }

  /** Delivers the next thing that is due; says whether there was one. */
  step(): boolean {
    if (this.#exit !== null) return this.#end();
    return !this.hung && this.#work();
  }

  /** It ends: nothing in its inbox is answered, or only late. */
  die(code: number | null, signal: string | null): void {
    if (!this.alive) return;
    this.alive = false;
    this.#exit = { code, signal };
  }

  /** It may still evaluate what it was sent. */
  get running(): boolean {
    return this.late ? !this.reaped : this.connected;
  }

  closeConnection(): void {
    this.#closed = true;
  }

  #end(): boolean {
    if (this.reaped) return false;
    if (this.late && this.#closed && this.#work()) return true;
    if (!this.#closed) {
      this.#closed = true;
      // A socket ends after the threads that served it.
      this.late = false;
      this.handlers.onClose(null);
      return true;
    }
    this.reaped = true;
    this.handlers.onExit(this.#exit!.code, this.#exit!.signal);
    return true;
  }

  #work(): boolean {
    const item = this.inbox.shift();
    if (item === undefined) return false;
    if (item.kind === 'start') {
      this.#send({ type: 'ready', protocol: PROTOCOL_VERSION, pid: this.pid, device: 'simulated', isa: 'none' });
    } else if (item.kind === 'dispatch') this.#evaluate(item.id, item.program, item.offsets[1]!);
    else this.#answer(item.request);
    return true;
  }

  #evaluate(id: number, program: number, output: number): void {
    this.#evaluations += 1;
    const weight = this.programs.get(program);
    const mistake = mistakes[this.#texts.get(program) ?? ''];
    if (this.fault === 'dispatch') {
      this.fault = null;
      this.handlers.onCompletion(id, 3, 0, `status 0x16 on worker ${this.id}`);
    } else if (mistake?.status !== undefined) this.handlers.onCompletion(id, mistake.status, 0, mistake.message);
    else if (weight === undefined) this.handlers.onCompletion(id, 1, 0, `no program ${program}`);
    else {
      this.seen.set(output, [...(this.seen.get(output) ?? []), { weight, late: this.#closed }]);
      this.handlers.onCompletion(id, 0, this.nanoseconds, '');
    }
  }

  #answer(request: WorkerRequest): void {
    if (request.type === 'compile' && (this.fault === 'compile' || this.fault === 'limit')) {
      const error =
        this.fault === 'limit'
          ? ({ code: 'ERR_DEVICE_LIMIT', message: 'compiler refused', limit: 'compilations' } as const)
          : { code: 'ERR_ANE_COMPILE', message: `compiler failed on worker ${this.id}` };
      this.fault = null;
      this.#send({ type: 'error', request: request.request, error, stats: this.#stats() });
    } else if (request.type === 'compile' && mistakes[request.text]?.code !== undefined) {
      this.#compilations += 1;
      const { code, message } = mistakes[request.text]!;
      this.#send({ type: 'error', request: request.request, error: { code: code!, message }, stats: this.#stats() });
    } else if (request.type === 'compile') {
      const { offset, bytes } = request.weights[0]!;
      const program = ++this.#ids;
      this.#compilations += 1;
      this.#texts.set(program, request.text);
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
    } else if (request.type === 'measure') {
      this.#send({ type: 'measured', request: request.request, stats: this.#stats() });
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
      residentBytes: this.residentBytes,
      evaluateNanoseconds: 0,
      compileNanoseconds: 0,
      processBytes: this.memory(this.#evaluations),
    };
  }

  #send(response: WorkerResponse): void {
    this.handlers.onControl(packMessage(response));
  }
}
