import { type DeviceLimit, DeviceLimitError, type MayflyError } from '@mayfly/native';
import { deviceStuckError, isDeviceFault, quarantinedError, WorkerExitError, WorkerLostError } from '../errors.js';
import type { MoveReason, Placement } from '../kernel/kernel-host.js';
import type { PoolEvents } from '../pool-events.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { ProgramSource } from '../worker/worker-setup.js';
import type { Fleet } from './fleet.js';

export interface PlacerOptions {
  readonly device: string;
  readonly workers: number;
  /** Workers that may fail during the same work. */
  readonly attempts: number;
  /** Keeps for the next run that a worker was refused beyond so many; gives where, or null. */
  readonly noteRefusal: (limit: DeviceLimit, allowed: number) => string | null;
}

type Told = 'kernel-move' | 'kernel-quarantine' | 'budget-lowered';
type Tell = <Name extends Told>(name: Name, event: PoolEvents[Name][0]) => void;

/** Compiles kernels on workers of a fleet, tries again where the device or the worker was at fault, and knows when to stop. */
export class Placer {
  /** Compilations begun. */
  compilations = 0;
  readonly #fleet: Fleet;
  readonly #options: PlacerOptions;
  readonly #kernelCount: () => number;
  readonly #tell: Tell;
  /** Device faults since the device last did the same thing right: a device that compiles may still fail to evaluate. */
  readonly #faults = { compile: 0, evaluate: 0 };

  constructor(fleet: Fleet, options: PlacerOptions, kernelCount: () => number, tell: Tell) {
    this.#fleet = fleet;
    this.#options = options;
    this.#kernelCount = kernelCount;
    this.#tell = tell;
  }

  async place(kernel: PlacedKernel, source: ProgramSource, reason: MoveReason): Promise<Placement> {
    const started = performance.now();
    for (let attempt = 1; ; attempt++) {
      const worker = await this.#fleet.reserve(kernel);
      try {
        this.compilations += 1;
        const { program, inputs, outputs, compilations } = await worker.compile(source);
        if (compilations === 0) {
          // The device had it compiled already: it took nothing of the worker's budget.
          this.compilations -= 1;
          worker.compilations -= 1;
        }
        const from = kernel.worker?.id ?? null;
        worker.kernels.add(kernel);
        this.#fleet.done(worker, 'compiled');
        this.noteSuccess('compile');
        this.#tell('kernel-move', {
          kernel: kernel.name,
          from,
          to: worker.id,
          reason,
          ms: performance.now() - started,
        });
        return { worker, program, inputs, outputs };
      } catch (error) {
        await this.#compileFailed(kernel, worker, attempt, error);
      }
    }
  }

  /** The device did this right. */
  noteSuccess(what: 'compile' | 'evaluate'): void {
    this.#faults[what] = 0;
  }

  /** Faults in a row over enough workers to have quarantined two kernels are the device's own. */
  noteFault(what: 'compile' | 'evaluate', error: Error): void {
    const { attempts, device } = this.#options;
    this.#faults[what] += 1;
    if (this.#faults[what] >= 2 * attempts) this.#fleet.fail(deviceStuckError(device, this.#faults[what], error));
  }

  /** Says that the kernel is run no more; gives the error back. */
  quarantine(kernel: PlacedKernel, error: MayflyError): MayflyError {
    this.#tell('kernel-quarantine', { kernel: kernel.name, error });
    return error;
  }

  /** Returns when it is worth trying another worker. */
  async #compileFailed(kernel: PlacedKernel, worker: WorkerProcess, attempt: number, error: unknown): Promise<void> {
    const { attempts } = this.#options;
    if (error instanceof WorkerLostError) {
      this.#fleet.done(worker, 'failed');
      if (attempt < attempts) return;
      throw this.quarantine(kernel, new WorkerExitError(kernel.name, 'compiling', attempt, await error.end));
    }
    if (!isDeviceFault(error)) {
      this.#fleet.done(worker, 'rejected');
      throw error;
    }
    if (error instanceof DeviceLimitError) this.#lowerBudget(worker, error);
    else this.noteFault('compile', error);
    this.#fleet.done(worker, 'failed');
    if (attempt >= attempts) throw this.quarantine(kernel, quarantinedError(kernel.name, attempt, error));
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
    this.#tell('budget-lowered', { worker: worker.id, limit, from, to, message, keptIn: noteRefusal(limit, to) });
  }
}
