import {
  type AneApi,
  type CompileOptions,
  DispatchStatus,
  type InputReuse,
  MayflyError,
  type Precision,
  type ProgramInfo,
} from '@mayfly/native';
import { protocolError, unpackResponse } from '@mayfly/worker';
import { begin, finish, isWatched, nowOf } from '../../tracing.js';
import { type CompileMessage, type DispatchMessage, dispatchChannel } from '../channels.js';
import { reasonOf, type WorkerEnd, WorkerLostError } from '../errors.js';
import type { WorkerState, WorkerSummary } from '../types.js';
import { type Budget, MOST_OVERRUN, type RetirementReason } from './budget.js';
import type { Clock, Deadline } from './clock.js';
import { ControlChannel } from './control-channel.js';
import { type DispatchTimeouts, InFlight, type RunOwner } from './in-flight.js';
import { LatencyHistogram, type WorkHistory } from './latency.js';
import type { Run } from './run.js';
import type { StartTransport, Transport } from './transport.js';
import { retirementReason, Usage, type WorkerUsage } from './usage.js';

const nextStates: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  starting: ['standby', 'exited'],
  standby: ['serving', 'retiring', 'exiting', 'exited'],
  serving: ['retiring', 'exited'],
  retiring: ['exiting', 'exited'],
  exiting: ['exited'],
  exited: [],
};

/** Deadlines; a worker that misses one is killed and its work repeated elsewhere. */
export interface WorkerTimeouts extends DispatchTimeouts {
  /** From spawn to ready. Default 30 s. */
  readonly startMs: number;
  /** One compilation. Default: 50 times the pool's slowest, 2 s at least; 120 s while there is no history. */
  readonly compileMs: number | undefined;
  /** From the order to retire to the exit. Default 5 s. */
  readonly exitMs: number;
}

export interface WorkerSetup {
  readonly device: string;
  /** Threads of the device. */
  readonly threads: number;
  /** Of the cpu device. */
  readonly precision: Precision;
  readonly timeouts: WorkerTimeouts;
  /** Compilation times of all workers of the pool. */
  readonly compileHistory: WorkHistory;
  /** The pool's clock. */
  readonly clock: Clock;
  /** Identifies the pool in messages on channels. */
  readonly pool: object;
}

/** The fleet of a worker, which receives its reports. */
export interface WorkerOwner<Kernel extends RunOwner> {
  /** No process could be started. */
  startFailed(cause: unknown): void;
  /** The worker can serve. */
  ready(worker: WorkerProcess<Kernel>): void;
  /** A run was answered, with an error or without. */
  answered(worker: WorkerProcess<Kernel>, run: Run<Kernel>, error: Error | null): void;
  /** Its age or memory may have reached a limit. */
  aged(worker: WorkerProcess<Kernel>): void;
  /** The worker answers nothing more; `unanswered` runs are in the order in which they were sent. Called once. */
  lost(worker: WorkerProcess<Kernel>, unanswered: readonly Run<Kernel>[]): void;
  /** The process was reaped, after `lost`. Called once. */
  exited(worker: WorkerProcess<Kernel>, end: WorkerEnd): void;
}

/** A program as a compile request describes it; weight ranges lie in the arena. */
export interface ProgramSource {
  readonly text: string;
  readonly weights: readonly { readonly path: string; readonly offset: number; readonly bytes: number }[];
  readonly options: CompileOptions;
}

/** A program on the worker that compiled it. */
export interface LoadedProgram<Kernel extends RunOwner> extends ProgramInfo {
  readonly worker: WorkerProcess<Kernel>;
}

const UNKNOWN_COMPILE_MS = 120_000;
/**
 * A thread that was sent SIGKILL leaves user mode with its processor's next interrupt, some milliseconds later at most. A
 * process that is still there after so long hangs in the kernel, from where it never comes back.
 */
const KILLED_MS = 1_000;

/**
 * One child process, from spawn to reaping: its state, its messages, and the account of what it used. It decides nothing.
 *
 * @template Kernel What it holds: kernels, of which it knows no more than `RunOwner`.
 */
export class WorkerProcess<Kernel extends RunOwner> {
  /** Settles when the process was reaped. */
  readonly end: Promise<WorkerEnd>;
  /** Evaluation times on its device. */
  readonly latency = new LatencyHistogram();

  readonly #pool: object;
  readonly #owner: WorkerOwner<Kernel>;
  readonly #timeouts: WorkerTimeouts;
  readonly #clock: Clock;
  readonly #transport: Transport;
  readonly #control: ControlChannel;
  readonly #inFlight: InFlight<Kernel>;
  readonly #compileHistory: WorkHistory;
  readonly #kernels = new Set<Kernel>();
  readonly #usage: Usage;
  /** Dispatches under way whose beginning was published. */
  readonly #published = new Map<Run<Kernel>, DispatchMessage>();
  #state: WorkerState = 'starting';
  #api: AneApi | null = null;
  #retirement: RetirementReason | null = null;
  #evicting = false;
  /** Of its start or its exit. */
  #deadline: Deadline | null = null;
  #age: Deadline | null = null;
  #lost = false;
  #running = true;
  #dismissed = false;
  #reason: string | null = null;
  #settleEnd!: (end: WorkerEnd) => void;

  /** @param budget Its own limits. */
  constructor(
    readonly id: number,
    start: StartTransport,
    { device, threads, precision, timeouts, compileHistory, clock, pool }: WorkerSetup,
    readonly budget: Budget,
    owner: WorkerOwner<Kernel>,
  ) {
    this.#pool = pool;
    this.#owner = owner;
    this.#timeouts = timeouts;
    this.#clock = clock;
    this.#usage = new Usage(budget, clock);
    this.#inFlight = new InFlight(clock, timeouts, (oldest, ms) => this.#overdue(oldest, ms));
    this.#compileHistory = compileHistory;
    this.end = new Promise((resolve) => {
      this.#settleEnd = resolve;
    });
    this.#transport = start(
      { worker: id, device, threads, precision },
      {
        onCompletion: (run, status, nanoseconds, message, copiedBytes, prefetchedBytes) =>
          this.#onCompletion(run, status, nanoseconds, message, { copiedBytes, prefetchedBytes }),
        onLeading: (run) => this.#onLeading(run),
        onControl: (payload) => this.#onControl(payload),
        onClose: (error) => {
          // The system closes a process's sockets after its last thread has left user mode.
          if (error === null) this.#running = false;
          this.#lose(error === null ? null : reasonOf(error));
        },
        onExit: (exitCode, signal) => this.#onExit(exitCode, signal),
      },
    );
    const { connection } = this.#transport;
    this.#control = new ControlChannel(
      clock,
      (payload) => connection.control(payload),
      (reason) => this.kill(reason),
    );
    connection.ref();
    this.#arm(timeouts.startMs, 'did not become ready');
  }

  get state(): WorkerState {
    return this.#state;
  }

  get pid(): number {
    return this.#transport.pid;
  }

  get usage(): WorkerUsage {
    return this.#usage;
  }

  /** Compilations under way of programs that were never compiled before. */
  get unproven(): number {
    return this.#usage.unproven;
  }

  /** Kernels whose programs are loaded here and take new work. */
  get kernels(): ReadonlySet<Kernel> {
    return this.#kernels;
  }

  /** Runs sent and not answered. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Why it retires; null while it does not. */
  get retirement(): RetirementReason | null {
    return this.#retirement;
  }

  /** Whether its kernels have to move now, not only at their next update. */
  get evicting(): boolean {
    return this.#evicting;
  }

  /** Whether it was given up: its answers are ignored. */
  get lost(): boolean {
    return this.#lost;
  }

  /** True while the process may still write to the arena: until its socket closes or it is reaped. */
  get running(): boolean {
    return this.#running;
  }

  /** Whether its end is no failure: it was requested, or followed from an abort. */
  get dismissed(): boolean {
    return this.#dismissed;
  }

  /** Whether it was sent `MOST_OVERRUN` times its limit of evaluations: further runs wait for its successor. */
  get exhausted(): boolean {
    return this.#usage.evaluations + this.#inFlight.size >= MOST_OVERRUN * this.budget.evaluations;
  }

  /** The limit it has reached, or null. `lowered`: limits that go before those of its budget. */
  limit(next: 'compilation' | 'evaluation', lowered?: Partial<Budget>): RetirementReason | null {
    return retirementReason(this.#usage, lowered === undefined ? this.budget : { ...this.budget, ...lowered }, next);
  }

  summary(): WorkerSummary {
    const { compilations, evaluations, ageMs, stats, rssGrowth, failures } = this.#usage;
    return {
      id: this.id,
      pid: this.pid,
      state: this.#state,
      api: this.#api,
      kernels: this.#kernels.size,
      compilations,
      evaluations,
      ageMs,
      residentBytes: stats?.residentBytes ?? 0,
      copiedInBytes: stats?.copiedInBytes ?? 0,
      copiedOutBytes: stats?.copiedOutBytes ?? 0,
      prefetchedBytes: stats?.prefetchedBytes ?? 0,
      rssBytes: stats?.processBytes ?? 0,
      rssGrowthBytes: rssGrowth,
      retirement: this.#retirement,
      failures,
      budget: this.budget,
      evaluation: this.latency.summary(),
    };
  }

  /** Takes a standby into service. */
  serve(): void {
    this.#become('serving');
    const left = Math.max(this.budget.ageMs - this.#usage.ageMs, 0);
    this.#age = this.#clock.after(left + 1, () => this.#owner.aged(this)).unref();
  }

  /** Retires it: it compiles nothing more. May be called again with another reason. */
  retire(reason: RetirementReason): void {
    if (this.#state !== 'retiring') this.#become('retiring');
    this.#retirement = reason;
  }

  /** From now on its kernels have to move at once. */
  evict(): void {
    this.#evicting = true;
  }

  requestReplacement(): void {
    this.#usage.replacementRequested = true;
  }

  /** Counts an evaluation or compilation in which the worker was at fault. */
  countFailure(): void {
    this.#usage.failures += 1;
  }

  /** Promises one compilation, which counts as begun from now on. Has to be followed by `compile`. */
  reserve(): void {
    this.#usage.reserve();
  }

  /**
   * Compiles a program, as `reserve` promised, and holds its kernel from then on.
   *
   * @param proven It was compiled before, so a failure is the worker's.
   * @param stillWanted Called when its turn comes; throws if it is not to be compiled any more.
   * @param message Completed with the time that the worker took.
   */
  async compile(
    kernel: Kernel,
    { text, weights, options }: ProgramSource,
    proven: boolean,
    stillWanted?: () => void,
    message: CompileMessage | null = null,
  ): Promise<LoadedProgram<Kernel>> {
    this.#usage.compiling(proven);
    try {
      const request = { type: 'compile', text, weights, options } as const;
      const { info, endedUs } = await this.#control.ask(request, this.#compileDeadlineMs, stillWanted);
      if (message !== null) message.compilation = spanOf(1000 * endedUs, info.nanoseconds);
      this.#usage.compiled(info, proven);
      this.#compileHistory.record(info.nanoseconds);
      this.#kernels.add(kernel);
      return { ...info, worker: this };
    } catch (error) {
      this.#usage.compileFailed(error, proven);
      throw error;
    }
  }

  async unload(program: number): Promise<void> {
    this.#usage.livePrograms -= 1;
    await this.#control.ask({ type: 'unload', program }, this.#compileDeadlineMs);
  }

  /** Removes a kernel, whose runs go to another worker from now on. */
  release(kernel: Kernel): void {
    this.#kernels.delete(kernel);
  }

  /** Sends a run: one frame. Throws if the connection refuses it; then it was not sent. */
  send(run: Run<Kernel>, program: number): void {
    const id = this.#inFlight.nextId;
    const { offsets } = run;
    const sentMs = isWatched(dispatchChannel) ? performance.now() : 0;
    const { connection } = this.#transport;
    if (run.kernel.inputs.length === 1 && offsets.length === 2)
      connection.dispatch(id, program, offsets[0]!, offsets[1]!, run.reuse);
    else connection.dispatchPorts(id, program, offsets);
    // After the call: a run that the addon refuses was not sent, and gets no answer.
    this.#inFlight.add(run);
    if (sentMs > 0) this.#publish(run, sentMs);
  }

  /** Lets it copy what a later run with this input reads. */
  prefetch(program: number, input: number, reuse: InputReuse): void {
    this.#transport.connection.prefetch(program, input, reuse);
  }

  /** Asks it to unload everything and exit, after what it was sent before; kills it if it has not by `exitMs`. */
  async drain(): Promise<void> {
    this.#become('exiting');
    try {
      await this.#control.ask({ type: 'retire' }, () => this.#timeouts.exitMs);
    } catch {
      // It has exited, or is being killed.
    }
    if (!this.#lost) this.#arm(this.#timeouts.exitMs, 'did not exit');
    await this.end;
  }

  /** Lets it finish what it was sent, unless it is still starting, and ends it. Settles when the process was reaped. */
  async close(): Promise<void> {
    if (this.#lost) return void (await this.end);
    this.#dismissed = true;
    if (this.#state === 'starting') this.kill(null);
    if (this.#state === 'serving') this.#become('retiring');
    if (this.#state === 'standby' || this.#state === 'retiring') await this.drain();
    await this.end;
  }

  /** Kills it on purpose. */
  dismiss(reason: string | null): void {
    if (!this.#lost) this.#dismissed = true;
    this.kill(reason);
  }

  /** Gives it up at once: its answers are ignored from now on, and the unanswered runs go back to the owner. */
  kill(reason: string | null): void {
    this.#transport.signal('SIGKILL');
    this.#lose(reason);
  }

  /** Settles when no thread of the process runs any more. */
  async stopped(): Promise<void> {
    let deadline: Deadline | undefined;
    const late = new Promise<void>((resolve) => {
      deadline = this.#clock.after(KILLED_MS, resolve);
    });
    await Promise.race([this.end, late]);
    deadline?.cancel();
  }

  #become(state: WorkerState): void {
    const from = this.#state;
    if (!nextStates[from].includes(state)) throw new Error(`worker ${this.id} cannot become ${state} from ${from}`);
    this.#state = state;
  }

  #onLeading(id: number): void {
    if (this.#lost) return;
    const run = this.#inFlight.find(id);
    if (run === null) this.#broken(protocolError('leading rows of a dispatch without an answer', `those of ${id}`));
    else if (run.onLeadingRows !== undefined) queueMicrotask(run.onLeadingRows);
  }

  #onCompletion(
    id: number,
    status: number,
    nanoseconds: number,
    message: string,
    { copiedBytes, prefetchedBytes }: { readonly copiedBytes: number; readonly prefetchedBytes: number },
  ): void {
    if (this.#lost) return;
    const run = status === DispatchStatus.ok || isStatus(status) ? this.#inFlight.take(id) : null;
    if (run === null) {
      this.#broken(protocolError('an answer to the oldest dispatch', `one to dispatch ${id} with status ${status}`));
      return;
    }
    const ok = status === DispatchStatus.ok;
    if (this.#usage.evaluated(run.kernel, ok ? nanoseconds : null)) void this.#measure();
    const error = ok ? null : new MayflyError(codeOf(status), `[${run.kernel.name}] ${message}`);
    if (this.#published.size > 0) {
      const span = ok ? spanOf(this.#transport.connection.evaluationEnd, nanoseconds) : undefined;
      this.#publishEnd(run, error, span && { evaluation: span, copiedBytes });
    }
    if (ok) {
      this.latency.record(nanoseconds);
      run.kernel.history.record(nanoseconds);
      run.kernel.copied(copiedBytes, prefetchedBytes);
    }
    this.#owner.answered(this, run, error);
  }

  #publish(run: Run<Kernel>, sentMs: number): void {
    const { id: worker, pid } = this;
    const { kernel, id } = run;
    const message = { pool: this.#pool, kernel: kernel.name, worker, pid, id, sentMs };
    this.#published.set(run, message);
    begin(dispatchChannel, message);
  }

  #publishEnd(
    run: Run<Kernel>,
    error: Error | null,
    result?: Pick<DispatchMessage, 'evaluation' | 'copiedBytes'>,
  ): void {
    const message = this.#published.get(run);
    if (message === undefined) return;
    this.#published.delete(run);
    finish(dispatchChannel, Object.assign(message, result), error);
  }

  #onControl(payload: Uint8Array): void {
    if (this.#lost) return;
    try {
      const response = unpackResponse(payload);
      if (response.type !== 'ready') {
        this.#control.settle(response);
        this.#usage.stats = response.stats;
        return;
      }
      if (this.#state !== 'starting') throw protocolError('`ready` once', 'it again');
      this.#api = response.api;
    } catch (error) {
      this.#broken(error as Error);
      return;
    }
    this.#disarm();
    this.#become('standby');
    this.#transport.connection.unref();
    this.#owner.ready(this);
  }

  /** Kills it for breaking the protocol: none of its messages can be trusted any more. */
  #broken(error: Error): void {
    this.kill(reasonOf(error));
  }

  async #measure(): Promise<void> {
    try {
      const { stats } = await this.#control.ask({ type: 'measure' }, this.#compileDeadlineMs);
      this.#usage.measured(stats);
    } catch {
      // It has exited.
      return;
    }
    this.#owner.aged(this);
  }

  #lose(reason: string | null): void {
    if (this.#lost) return;
    this.#lost = true;
    if (this.#state === 'exiting') this.#dismissed = true;
    this.#reason = reason;
    this.#disarm();
    this.#transport.connection.close();
    this.#transport.signal('SIGKILL');
    const unanswered = this.#inFlight.end();
    for (const run of unanswered) this.#publishEnd(run, this.#lostError());
    this.#control.fail(this.#lostError());
    this.#owner.lost(this, unanswered);
    this.#kernels.clear();
  }

  #onExit(exitCode: number | null, signal: string | null): void {
    this.#running = false;
    this.#lose(null);
    this.#disarm();
    // The deadline would keep a dead worker in memory until `ageMs`.
    this.#age?.cancel();
    this.#become('exited');
    const { id, pid } = this;
    const end = { worker: id, pid, exitCode, signal, reason: this.#reason, lastWords: this.#transport.lastWords() };
    this.#settleEnd(end);
    this.#owner.exited(this, end);
  }

  /** A compilation waits for the dispatches before it. */
  readonly #compileDeadlineMs = (): number => {
    const { compileMs } = this.#timeouts;
    return this.#compileHistory.deadlineMs(compileMs, UNKNOWN_COMPILE_MS) + this.#inFlight.patienceMs;
  };

  #overdue(oldest: Run<Kernel>, milliseconds: number): void {
    // The caller gave up what it is evaluating.
    if (oldest.abandoned) this.#dismissed = true;
    const what = oldest.abandoned ? 'an abandoned dispatch' : 'a dispatch';
    this.kill(`no answer to ${what} in ${Math.round(milliseconds)} ms`);
  }

  #arm(milliseconds: number, complaint: string): void {
    this.#disarm();
    this.#deadline = this.#clock.after(milliseconds, () => this.kill(`${complaint} in ${milliseconds} ms`));
  }

  #disarm(): void {
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  #lostError(): WorkerLostError {
    return new WorkerLostError(this.id, this.pid, this.#reason ?? 'its connection closed', this.end);
  }
}

/** Work of the worker, in the time of `performance.now()`. */
const spanOf = (endedNanoseconds: number, nanoseconds: number) => {
  const endedMs = nowOf(endedNanoseconds);
  return { beganMs: endedMs - nanoseconds / 1e6, endedMs, nanoseconds };
};

const isStatus = (status: number): boolean => (Object.values(DispatchStatus) as number[]).includes(status);

/** The error code of a status other than `ok`. */
function codeOf(status: number): string {
  if (status === DispatchStatus.failed) return 'ERR_EVALUATE';
  return status === DispatchStatus.inputData ? 'ERR_INPUT_DATA' : 'ERR_DISPATCH';
}
