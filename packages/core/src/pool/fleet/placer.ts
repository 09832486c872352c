import { type DeviceLimit, DeviceLimitError, type MayflyError } from '@mayfly/native';
import {
  deviceStuckError,
  faultOf,
  programRefusedError,
  quarantinedError,
  WorkerExitError,
  WorkerLostError,
} from '../errors.js';
import type { MoveReason, Placement } from '../kernel/kernel-host.js';
import type { PoolEvents } from '../pool-events.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { ProgramSource } from '../worker/worker-setup.js';
import type { Fleet } from './fleet.js';
import type { Refusals } from './refusals.js';

export interface PlacerOptions {
  readonly device: string;
  readonly workers: number;
  /** Workers that may fail during the same work. */
  readonly attempts: number;
  /** Keeps for the next run that a worker was refused beyond so many; gives where, or null. */
  readonly noteRefusal: (limit: DeviceLimit, allowed: number) => string | null;
}

type Told = 'compile' | 'kernelMove' | 'budgetLower';
type Tell = <Name extends Told>(name: Name, event: PoolEvents[Name][0]) => void;

/** Compiles kernels on workers of a fleet, tries again where the device or the worker was at fault, and knows when to stop. */
export class Placer {
  /** Compilations begun. */
  compilations = 0;
  readonly #fleet: Fleet;
  readonly #refusals: Refusals;
  readonly #options: PlacerOptions;
  readonly #kernelCount: () => number;
  readonly #tell: Tell;

  constructor(fleet: Fleet, refusals: Refusals, options: PlacerOptions, kernelCount: () => number, tell: Tell) {
    this.#fleet = fleet;
    this.#refusals = refusals;
    this.#options = options;
    this.#kernelCount = kernelCount;
    this.#tell = tell;
  }

  async place(kernel: PlacedKernel, source: ProgramSource, reason: MoveReason): Promise<Placement> {
    const started = performance.now();
    const refusal = this.#refusals.of(source);
    if (refusal !== null) throw programRefusedError(kernel.name, refusal);
    // A move compiles what was compiled before.
    const proven = reason === 'retire' || reason === 'recover' || reason === 'spread';
    for (let attempt = 1; ; attempt++) {
      const worker = await this.#fleet.reserve(kernel, reason);
      if (!proven) worker.unproven += 1;
      try {
        this.compilations += 1;
        // An update that was called is compiled, whatever becomes of its kernel: it was told as a compilation by then.
        const stillWanted = reason === 'compile' ? () => assertWanted(kernel) : undefined;
        const { program, inputs, outputs, compilations } = await worker.compile(source, stillWanted);
        if (compilations === 0) {
          // The device had it compiled already: it took nothing of the worker's budget.
          this.#uncount(worker);
        }
        const from = kernel.worker?.id ?? null;
        worker.kernels.add(kernel);
        this.#fleet.done(worker, 'compiled');
        this.#fleet.worked('compile', kernel, worker);
        const ms = performance.now() - started;
        this.#tell('compile', { kernel: kernel.name, worker: worker.id, reason, ms });
        if (from !== worker.id) this.#tell('kernelMove', { kernel: kernel.name, from, to: worker.id, reason, ms });
        return { worker, program, inputs, outputs };
      } catch (error) {
        if (error === kernel.failure) {
          // It was disposed of before its turn came.
          this.#uncount(worker);
          this.#fleet.done(worker, 'dropped');
          throw error;
        }
        if (error instanceof WorkerLostError) {
          this.#fleet.done(worker, 'failed');
          assertWanted(kernel);
          if (attempt < this.#options.attempts) continue;
          throw new WorkerExitError(kernel.name, 'compiling', attempt, await error.end);
        }
        if (faultOf(error) === 'caller') {
          // The device did not get to compile it.
          this.#uncount(worker);
          this.#fleet.done(worker, 'rejected');
          throw error;
        }
        this.#compileFailed(kernel, source, worker, proven, error as MayflyError);
        if (attempt >= this.#options.attempts) {
          this.#fleet.trials.end(kernel);
          throw quarantinedError(kernel.name, attempt, worker.id, error as MayflyError);
        }
      } finally {
        if (!proven) worker.unproven -= 1;
      }
    }
  }

  /** The device failed a compilation. Returns when it is worth trying another worker. */
  #compileFailed(
    kernel: PlacedKernel,
    source: ProgramSource,
    worker: WorkerProcess,
    proven: boolean,
    error: MayflyError,
  ): void {
    const { health, trials } = this.#fleet;
    if (error instanceof DeviceLimitError) {
      this.#lowerBudget(worker, error);
      this.#fleet.done(worker, 'failed');
    } else if (proven) {
      health.failed('compile', kernel);
      const faults = health.stuck('compile');
      if (faults > 0) this.#fleet.fail(deviceStuckError(this.#options.device, faults, worker.id, error));
      this.#fleet.done(worker, 'failed');
    } else {
      const refused = trials.failed(kernel, 'compile', worker, error);
      this.#fleet.done(worker, 'refused');
      if (!refused) return;
      trials.end(kernel);
      this.#refusals.add(source, error);
      throw programRefusedError(kernel.name, error);
    }
  }

  #uncount(worker: WorkerProcess): void {
    this.compilations -= 1;
    worker.compilations -= 1;
  }

  /** From now on the budget is what the device did allow, as long as that can hold the kernels at all. */
  #lowerBudget(worker: WorkerProcess, error: DeviceLimitError): void {
    const { workers, noteRefusal } = this.#options;
    // Fewer compilations help against either.
    const limit = error.limit ?? 'compilations';
    const from = this.#fleet.budget[limit];
    const to = limit === 'compilations' ? worker.compilations - 1 : worker.stats!.livePrograms;
    if (to >= from || to < Math.ceil(this.#kernelCount() / workers)) return;
    this.#fleet.lowerBudget(limit, to);
    const { message } = error;
    this.#tell('budgetLower', { worker: worker.id, limit, from, to, message, keptIn: noteRefusal(limit, to) });
  }
}

function assertWanted({ failure }: PlacedKernel): void {
  if (failure !== null) throw failure;
}
