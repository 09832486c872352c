import { DispatchStatus, MayflyError, type ProgramInfo } from '@mayfly/native';
import { protocolError, unpackResponse, type WorkerStats } from '@mayfly/worker';
import { reasonOf, type WorkerEnd, WorkerLostError } from '../errors.js';
import { type Budget, MOST_OVERRUN, type RetirementReason, type WorkerUsage } from './budget.js';
import type { Clock, Deadline } from './clock.js';
import { ControlChannel } from './control-channel.js';
import { InFlight } from './in-flight.js';
import { LatencyHistogram } from './latency-histogram.js';
import { MEASURE_EVERY, MemoryGrowth } from './memory-growth.js';
import type { PlacedKernel } from './placed-kernel.js';
import type { Run } from './run.js';
import { ThroughputDrift } from './throughput-drift.js';
import type { StartTransport, Transport } from './transport.js';
import type { WorkHistory } from './work-history.js';
import type { ProgramSource, WorkerListener, WorkerSetup, WorkerTimeouts } from './worker-setup.js';
import { mayBecome, type WorkerState } from './worker-state.js';

const UNKNOWN_COMPILE_MS = 120_000;
/**
 * A thread that was sent SIGKILL leaves user mode with its processor's next interrupt, some milliseconds later at most. A
 * process that is still there after so long hangs in the kernel, from where it never comes back.
 */
const KILLED_MS = 1_000;

/** One child process, from spawn to reaping: its state, its conversation, its use. Decides nothing. */
export class WorkerProcess implements WorkerUsage {
  /** By the pool's clock. */
  readonly startedAt: number;
  /** Kernels whose programs are loaded here and take new work. */
  readonly kernels = new Set<PlacedKernel>();
  /** Settles when the process was reaped. */
  readonly end: Promise<WorkerEnd>;
  /** What its device took for evaluations. */
  readonly latency = new LatencyHistogram();
  compilations = 0;
  reserved = 0;
  /** Compilations under way or promised of programs that were never compiled before. */
  unproven = 0;
  evaluations = 0;
  failures = 0;
  slowdown = 1;
  rssGrowth = 0;
  /** Programs loaded and not asked to be unloaded. */
  livePrograms = 0;
  /** Its kernels are to move now, not only at their next update. */
  evicting = false;
  replacementRequested = false;
  /** Why it retires, once it does. */
  retirement: RetirementReason | null = null;
  /** It was ended because a caller gave up what it was evaluating: nobody's fault. */
  abandoned = false;
  stats: WorkerStats | null = null;
  /** A thread of it may still write into the arena. False from the end of its socket, or of its process, on. */
  running = true;

  readonly #listener: WorkerListener;
  readonly #timeouts: WorkerTimeouts;
  readonly #clock: Clock;
  readonly #transport: Transport;
  readonly #control: ControlChannel;
  readonly #inFlight: InFlight;
  #state: WorkerState = 'starting';
  #reason: string | null = null;
  #lost = false;
  #deadline: Deadline | null = null;
  readonly #drift: ThroughputDrift | null;
  readonly #growth = new MemoryGrowth();
  /** Evaluations after which its memory is measured next. */
  #measureAt: number;
  readonly #compileHistory: WorkHistory;
  #settleEnd!: (end: WorkerEnd) => void;

  constructor(
    readonly id: number,
    start: StartTransport,
    { device, threads, precision, timeouts, compileHistory, clock }: WorkerSetup,
    /** Its own limits. */
    readonly budget: Budget,
    listener: WorkerListener,
  ) {
    this.#listener = listener;
    this.#timeouts = timeouts;
    this.#clock = clock;
    this.startedAt = clock.now();
    this.#inFlight = new InFlight(clock, timeouts, (oldest, ms) => this.#overdue(oldest, ms));
    this.#compileHistory = compileHistory;
    const measured = Number.isFinite(budget.rssBytes) || Number.isFinite(budget.rssGrowthBytes);
    this.#measureAt = measured ? MEASURE_EVERY : Number.POSITIVE_INFINITY;
    this.#drift = Number.isFinite(budget.slowdown) ? new ThroughputDrift() : null;
    this.end = new Promise((resolve) => {
      this.#settleEnd = resolve;
    });
    this.#transport = start(
      { worker: id, device, threads, precision },
      {
        onCompletion: (run, status, nanoseconds, message) => this.#onCompletion(run, status, nanoseconds, message),
        onControl: (payload) => this.#onControl(payload),
        onClose: (error) => {
          // The system closes a process's sockets after its last thread has left user mode.
          if (error === null) this.running = false;
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

  /** Runs sent and not answered. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  get ageMs(): number {
    return this.#clock.now() - this.startedAt;
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** It was sent as many evaluations as it may ever be, a multiple of its limit: the next wait for its successor. */
  get exhausted(): boolean {
    return this.evaluations + this.#inFlight.size >= MOST_OVERRUN * this.budget.evaluations;
  }

  /** Moves along the state machine; an illegal step is a bug of the pool. */
  become(state: WorkerState): void {
    if (!mayBecome(this.#state, state)) throw new Error(`worker ${this.id} cannot become ${state} from ${this.#state}`);
    this.#state = state;
  }

  /** The hot path: one frame. */
  send(run: Run, program: number): void {
    const id = this.#inFlight.nextId;
    const { offsets } = run;
    const { connection } = this.#transport;
    if (run.kernel.inputs.length === 1 && offsets.length === 2)
      connection.dispatch(id, program, offsets[0]!, offsets[1]!, run.reuse);
    else connection.dispatchPorts(id, program, offsets);
    // Only now: what the addon refused was not sent, and no answer to it must be waited for.
    this.#inFlight.add(run);
  }

  /** @param stillWanted Called when its turn comes; throws where it is not to be compiled any more. */
  async compile({ text, weights }: ProgramSource, stillWanted?: () => void): Promise<ProgramInfo> {
    const request = { type: 'compile', text, weights } as const;
    const { info } = await this.#control.ask(request, this.#compileDeadlineMs, stillWanted);
    this.livePrograms += 1;
    this.#compileHistory.record(info.nanoseconds);
    return info;
  }

  async unload(program: number): Promise<void> {
    this.livePrograms -= 1;
    await this.#control.ask({ type: 'unload', program }, this.#compileDeadlineMs);
  }

  /** Asks it to unload everything and exit, after what it was sent before; it is killed if it has not by `exitMs`. */
  async drain(): Promise<void> {
    this.become('exiting');
    try {
      await this.#control.ask({ type: 'retire' }, () => this.#timeouts.exitMs);
    } catch {
      // It is gone already, or is being killed: either way it exits.
    }
    if (!this.#lost) this.#arm(this.#timeouts.exitMs, 'did not exit');
    await this.end;
  }

  /** Gives it up at once: no answer is taken any more, what was unanswered goes back to the owner. */
  kill(reason: string | null): void {
    this.#transport.signal('SIGKILL');
    this.#lose(reason);
  }

  /** Settles when no thread of it runs any more. */
  async stopped(): Promise<void> {
    let deadline: Deadline | undefined;
    const late = new Promise<void>((resolve) => {
      deadline = this.#clock.after(KILLED_MS, resolve);
    });
    await Promise.race([this.end, late]);
    deadline?.cancel();
  }

  #onCompletion(id: number, status: number, nanoseconds: number, message: string): void {
    if (this.#lost) return;
    const run = status === DispatchStatus.ok || isStatus(status) ? this.#inFlight.take(id) : null;
    if (run === null) {
      this.#broken(protocolError('an answer to the oldest dispatch', `one to dispatch ${id} with status ${status}`));
      return;
    }
    this.evaluations += 1;
    if (this.evaluations >= this.#measureAt) void this.#measure();
    if (status === DispatchStatus.ok) {
      this.latency.record(nanoseconds);
      run.kernel.history.record(nanoseconds);
      if (this.#drift !== null) this.slowdown = this.#drift.record(run.kernel, nanoseconds);
      this.#listener.onAnswer(this, run, null);
      return;
    }
    this.#listener.onAnswer(this, run, new MayflyError(codeOf(status), `[${run.kernel.name}] ${message}`));
  }

  #onControl(payload: Uint8Array): void {
    if (this.#lost) return;
    try {
      const response = unpackResponse(payload);
      if (response.type !== 'ready') {
        this.#control.settle(response);
        this.stats = response.stats;
        return;
      }
      if (this.#state !== 'starting') throw protocolError('`ready` once', 'it again');
    } catch (error) {
      this.#broken(error as Error);
      return;
    }
    this.#disarm();
    this.become('standby');
    this.#transport.connection.unref();
    this.#listener.onReady(this);
  }

  /** It talks nonsense: nothing that it says or does can be relied upon. */
  #broken(error: Error): void {
    this.kill(reasonOf(error));
  }

  async #measure(): Promise<void> {
    this.#measureAt = Number.POSITIVE_INFINITY;
    try {
      const { stats } = await this.#control.ask({ type: 'measure' }, this.#compileDeadlineMs);
      this.rssGrowth = this.#growth.record(stats.evaluations, stats.processBytes - stats.residentBytes);
    } catch {
      // It is gone.
      return;
    }
    this.#measureAt = this.evaluations + MEASURE_EVERY;
    this.#listener.onMeasured(this);
  }

  #lose(reason: string | null): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#reason = reason;
    this.#disarm();
    this.#transport.connection.close();
    this.#transport.signal('SIGKILL');
    const unanswered = this.#inFlight.end();
    this.#control.fail(this.#lostError());
    this.#listener.onLost(this, unanswered);
  }

  #onExit(exitCode: number | null, signal: string | null): void {
    this.running = false;
    this.#lose(null);
    this.#disarm();
    this.become('exited');
    const { id, pid } = this;
    const end = { worker: id, pid, exitCode, signal, reason: this.#reason, lastWords: this.#transport.lastWords() };
    this.#settleEnd(end);
    this.#listener.onExit(this, end);
  }

  /** A compilation waits for the dispatches before it. */
  readonly #compileDeadlineMs = (): number => {
    const { compileMs } = this.#timeouts;
    return this.#compileHistory.deadlineMs(compileMs, UNKNOWN_COMPILE_MS) + this.#inFlight.patienceMs;
  };

  #overdue(oldest: Run, milliseconds: number): void {
    this.abandoned = oldest.abandoned;
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

const isStatus = (status: number): boolean => (Object.values(DispatchStatus) as number[]).includes(status);

/** The code of a dispatch that a worker answered with a status other than `ok`. */
function codeOf(status: number): string {
  if (status === DispatchStatus.failed) return 'ERR_EVALUATE';
  return status === DispatchStatus.inputData ? 'ERR_INPUT_DATA' : 'ERR_DISPATCH';
}
