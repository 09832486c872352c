import { type Kernel, Pool, resolvePacing, resolvePoolOptions, type Tensor } from '@mayfly/core/testing';
import { vi } from 'vitest';
import type { Command, Schedule } from './pool-schedule.js';
import type { SimulatedWorker } from './simulated-worker.js';
import { SimulatedWorkers } from './simulated-workers.js';

/** After so many milliseconds of the test's clock a worker that does nothing is given up. */
const DEADLINE_MS = 1000;

export interface Call {
  readonly kind: 'run' | 'update' | 'compile';
  readonly abort: AbortController;
  /** Of a run: where its result goes and which weights it must see. */
  readonly output: number;
  readonly weight: number;
  readonly outcomes: string[];
  /** Of a run: how often its output had been written when it settled. */
  written: number;
  /** Of a run: whether a worker had answered that the pool had not given up, when it settled well. */
  punctual: boolean;
}

interface Entry {
  readonly kernel: Kernel;
  weight: number;
  disposed: boolean;
}

const codeOf = (error: Error & { code?: string }): string => error.code ?? error.message;

/** A pool on simulated workers, and a record of what was asked of it and what it did. */
export class PoolUnderSchedule {
  readonly simulated = new SimulatedWorkers();
  readonly pool: Pool;
  readonly calls: Call[] = [];
  /** What a pool must never do, as it was seen to do it. */
  readonly violations: string[] = [];
  readonly #kernels: Entry[] = [];
  readonly #holders = new Map<number, string>();
  readonly #left = new Set<string>();
  readonly #spare: Tensor;
  #weights = 0;

  constructor({ workers, standby, budget, ending }: Schedule) {
    const deadlines = { startMs: DEADLINE_MS, dispatchMs: DEADLINE_MS, compileMs: DEADLINE_MS, exitMs: DEADLINE_MS };
    const options = resolvePoolOptions({
      workers,
      standby,
      budget,
      pacing: { ...resolvePacing('cpu'), backoffMs: 0, maxDeaths: Number.POSITIVE_INFINITY },
      timeouts: {
        ...deadlines,
        abandonMs: DEADLINE_MS / 2,
        closeMs: ending === 'deadline' ? DEADLINE_MS / 4 : Number.POSITIVE_INFINITY,
      },
      attempts: Number.MAX_SAFE_INTEGER,
      arenaBytes: 2 ** 20,
    });
    this.simulated.onDispatch = (worker, program) => this.#watch(worker, program);
    this.pool = new Pool(options, this.simulated.transport);
    this.#spare = this.pool.arena.tensor('fp32', [1]);
  }

  async open(): Promise<void> {
    const opened = this.pool.open();
    await this.simulated.settle();
    await opened;
    this.#compile();
    await this.simulated.settle();
  }

  async carryOut(command: Command): Promise<void> {
    // Those that ended are stepped, too: that is how the pool gets to know.
    const { processes } = this.simulated;
    const worker = 'worker' in command ? processes[command.worker % Math.max(processes.length, 1)] : undefined;
    const entry = 'kernel' in command ? this.#kernels[command.kernel % this.#kernels.length] : undefined;
    switch (command.type) {
      case 'step':
        worker?.step();
        break;
      case 'kill':
        worker?.die(command.code, command.code === null ? 'SIGKILL' : null);
        break;
      case 'hang':
      case 'hangLate':
        if (worker === undefined) break;
        worker.hung = true;
        worker.late = command.type === 'hangLate';
        break;
      case 'fault':
        if (worker !== undefined) worker.fault = command.kind;
        break;
      case 'refuse':
        this.simulated.refusals += command.starts;
        break;
      case 'rotate':
        this.pool.rotate();
        break;
      case 'wait':
        this.wait();
        break;
      case 'yield':
        await new Promise<void>((resolve) => setImmediate(resolve));
        break;
      case 'compile':
        if (this.calls.filter(({ kind }) => kind === 'compile').length < 5) this.#compile();
        break;
      case 'run':
        if (entry?.disposed === false) this.#run(entry);
        break;
      case 'update':
        if (entry?.disposed === false) this.#update(entry);
        break;
      case 'dispose':
        if (entry === undefined || this.#kernels.length < 2) break;
        entry.disposed = true;
        void entry.kernel.dispose();
        break;
      case 'abort':
        this.calls[command.call]?.abort.abort(Object.assign(new Error('given up'), { code: 'GIVEN_UP' }));
    }
    if (this.pool.stats().pending < 0) this.violations.push('more calls settled than were made');
  }

  /** Lets every deadline pass. */
  wait(): void {
    vi.advanceTimersByTime(DEADLINE_MS + 1);
  }

  /** Ends the pool as the schedule says and lets the workers do what they still do. False where it does not come to an end. */
  async end(ending: Schedule['ending']): Promise<boolean> {
    const { pool, simulated } = this;
    let ended = false;
    const closed = ending === 'destroy' ? pool.destroy() : pool.close();
    void closed.then(() => {
      ended = true;
    });
    if (ending === 'close, then destroy') {
      await simulated.settle(true);
      void pool.destroy();
    }
    // Nothing is sent from the moment of destroy on.
    const cut = ending === 'destroy' || ending === 'close, then destroy';
    const posts = simulated.posts;
    for (let round = 0; round < 40 && !ended; round++) {
      await simulated.settle();
      this.wait();
    }
    if (cut && simulated.posts > posts) this.violations.push('work was sent to a worker after destroy');
    return ended;
  }

  /** What calls on a closed pool come to. */
  async afterwards(): Promise<string[]> {
    const { kernel } = this.#kernels[0]!;
    const calls = [kernel.run(this.#spare, this.#spare), kernel.update(), this.pool.compile({ text: '' })];
    const posts = this.simulated.posts;
    const outcomes = await Promise.all(calls.map((call) => call.then(() => 'ok', codeOf)));
    await this.simulated.settle();
    if (this.simulated.posts > posts) this.violations.push('work was sent to a worker after close');
    return outcomes;
  }

  #compile(): void {
    const weights = this.#weightsOf();
    const abort = new AbortController();
    const { weight, sources } = weights;
    const compiled = this.pool.compile({ text: '', weights: sources }, { signal: abort.signal });
    void compiled.then((kernel) => this.#kernels.push({ kernel, weight, disposed: false })).catch(() => {});
    this.#record('compile', compiled, abort, -1, weight);
  }

  #run(entry: Entry): void {
    const { arena } = this.pool;
    const [input, output] = [arena.tensor('fp32', [1]), arena.tensor('fp32', [1])];
    const abort = new AbortController();
    const running = entry.kernel.run(input, output, { signal: abort.signal });
    this.#record('run', running, abort, output.offset, entry.weight);
  }

  #update(entry: Entry): void {
    const { weight, sources } = this.#weightsOf();
    const abort = new AbortController();
    entry.weight = weight;
    this.#record('update', entry.kernel.update(sources, { signal: abort.signal }), abort, -1, weight);
  }

  #record(kind: Call['kind'], promise: Promise<unknown>, abort: AbortController, output: number, weight: number): void {
    const call: Call = { kind, abort, output, weight, outcomes: [], written: 0, punctual: false };
    this.calls.push(call);
    void promise
      .then(() => 'ok', codeOf)
      .then((outcome) => {
        call.outcomes.push(outcome);
        const seen = this.simulated.seen.get(output) ?? [];
        call.written = seen.length;
        call.punctual = seen.some(({ late }) => !late);
      });
  }

  /** Weights that no other version of any kernel has. */
  #weightsOf(): { weight: number; sources: { w: Uint8Array } } {
    const weight = ++this.#weights;
    return { weight, sources: { w: new Uint8Array([weight]) } };
  }

  /** A dispatch is about to be sent. Weights are unique: each is one generation of one kernel. */
  #watch(worker: SimulatedWorker, program: number): void {
    const weight = worker.programs.get(program);
    if (!worker.connected) this.violations.push('work was sent to a worker that was given up');
    if (weight === undefined) {
      this.violations.push('work was sent to a worker without the program');
      return;
    }
    const busy = this.simulated.workers.some(
      (other) =>
        other !== worker &&
        other.running &&
        other.inbox.some((item) => item.kind === 'dispatch' && other.programs.get(item.program) === weight),
    );
    if (busy) this.violations.push('one generation of a kernel was in flight on two workers');
    const holder = `${worker.id}:${program}`;
    const before = this.#holders.get(weight);
    if (before !== undefined && before !== holder) this.#left.add(before);
    if (this.#left.has(holder)) this.violations.push('a generation went back to a place that it had left');
    this.#holders.set(weight, holder);
  }
}
