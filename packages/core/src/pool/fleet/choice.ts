import type { MoveReason } from '../kernel/kernel-host.js';
import { type Budget, isSoft, keepsKernels, type RetirementReason, retirementReason } from '../worker/budget.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { WorkerState } from '../worker/worker-state.js';
import type { Recruiter } from './recruiter.js';
import type { Retirements } from './retirements.js';
import type { Roster } from './roster.js';
import type { Trials } from './trials.js';

/** Who of a fleet compiles next; who may not any more is retired on the way. */
export class Choice {
  /** The budget as given, but for what the device was found to allow. */
  budget: Budget;
  readonly #workers: number;
  readonly #roster: Roster;
  readonly #recruiter: Recruiter;
  readonly #retirements: Retirements;
  readonly #trials: Trials;
  readonly #promote: (standby: WorkerProcess) => void;

  /**
   * @param workers Those that serve.
   * @param promote Makes a standby one of them.
   */
  constructor(
    budget: Budget,
    workers: number,
    roster: Roster,
    recruiter: Recruiter,
    retirements: Retirements,
    trials: Trials,
    promote: (standby: WorkerProcess) => void,
  ) {
    this.budget = budget;
    this.#workers = workers;
    this.#roster = roster;
    this.#recruiter = recruiter;
    this.#retirements = retirements;
    this.#trials = trials;
    this.#promote = promote;
  }

  /**
   * The kernel's own worker while it may compile and another does not have two kernels less, else a standby where one is to serve, else
   * the serving one with the fewest kernels. Null: it is worth waiting for a worker.
   */
  for(kernel: PlacedKernel, reason: MoveReason): WorkerProcess | null {
    if (this.#trials.has(kernel)) return this.#secondFor(kernel);
    const own = kernel.worker;
    if (own?.state === 'serving' && !own.lost) {
      const limit = this.#limit(own);
      if (limit === null && reason !== 'spread' && load(own) <= this.#leastLoad()) return own;
      if (limit !== null && (keepsKernels(limit) || !this.#retirements.underWay)) this.#retirements.retire(own, limit);
    }
    const serving = this.#roster.in('serving');
    const standby = this.#roster.in('standby')[0];
    if (serving.length < this.#workers && standby !== undefined) {
      this.#promote(standby);
      return standby;
    }
    const open = serving.filter((worker) => this.#limit(worker) === null);
    // A kernel that is served while it moves can wait for the successor, instead of crowding others.
    const patience = reason === 'retire' && own?.retirement !== 'failures' && serving.length < this.#workers;
    if (open.length > 0 && !patience) return leastLoaded(open);
    if (serving.length < this.#workers) return null;
    // Limits that are no danger wait until the worker that leaves has gone; it may need this compilation in order to go.
    const patient = !this.#retirements.underWay ? [] : serving.filter((worker) => isSoft(this.#limit(worker)!));
    if (patient.length > 0) return leastLoaded(patient);
    const fullest = serving.reduce((most, worker) => (worker.compilations > most.compilations ? worker : most));
    this.#retirements.retire(fullest, this.#limit(fullest)!);
    // Kernels that had to leave have asked for workers themselves by now.
    return this.for(kernel, reason);
  }

  /** A kernel that had better move to another worker, which has two less, as the moves that are under way will leave them. */
  crowded(): PlacedKernel | null {
    const serving = this.#roster.in('serving');
    if (this.#retirements.underWay || serving.length === 0) return null;
    const fullest = serving.reduce((most, worker) => (load(worker) > load(most) ? worker : most));
    if (load(fullest) < this.#leastLoad() + 2) return null;
    return [...fullest.kernels].find((kernel) => kernel.movable && !this.#trials.has(kernel)) ?? null;
  }

  /** Kernels of the worker that would take the next one, if the kernels were new. */
  #leastLoad(): number {
    const serving = this.#roster.in('serving');
    if (serving.length < this.#workers && this.#roster.in('standby').length > 0) return 0;
    return Math.min(...serving.filter((worker) => this.#limit(worker) === null).map(load));
  }

  /**
   * For a program that failed before it ever worked: a worker on which it did not. A standby stays one, since nothing says yet that
   * a serving worker has to go. Where nobody else is there or on the way, one that it failed on makes room.
   */
  #secondFor(kernel: PlacedKernel): WorkerProcess | null {
    const others = (...states: readonly WorkerState[]) =>
      this.#roster.in(...states).filter((worker) => !this.#trials.suspects(kernel, worker));
    const serving = this.#roster.in('serving').length;
    const fresh = others('standby').find((worker) => !exhausted(this.#limit(worker)));
    if (fresh !== undefined) {
      if (serving < this.#workers) this.#promote(fresh);
      return fresh;
    }
    const open = others('serving').filter((worker) => this.#limit(worker) === null);
    if (open.length > 0) return leastLoaded(open);
    if (this.#recruiter.expecting) return null;
    const used = this.#roster.in('standby')[0] ?? this.#roster.in('serving')[0];
    if (used !== undefined) this.#retirements.retire(used, this.#limit(used) ?? 'failures');
    return null;
  }

  /** What forbids one more compilation there. */
  #limit(worker: WorkerProcess): RetirementReason | null {
    // Lowered since the worker was started, perhaps.
    const { compilations, livePrograms } = this.budget;
    return retirementReason(worker, { ...worker.budget, compilations, livePrograms }, 'compilation');
  }
}

const exhausted = (limit: RetirementReason | null): boolean => limit !== null && !isSoft(limit);

const leastLoaded = (workers: readonly WorkerProcess[]): WorkerProcess =>
  workers.reduce((least, worker) => (load(worker) < load(least) ? worker : least));

/** Kernels that it will have once those that move have moved. */
const load = (worker: WorkerProcess): number =>
  [...worker.kernels].filter((kernel) => kernel.worker !== worker || !kernel.moving).length + worker.reserved;
