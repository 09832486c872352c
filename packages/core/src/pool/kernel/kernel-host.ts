import type { Port } from '@mayfly/native';
import type { Calls } from '../calls.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { ProgramSource } from '../worker/worker-setup.js';
import type { WeightStore } from './weight-store.js';

/** A kernel's program on one worker. */
export interface Placement {
  readonly worker: WorkerProcess;
  readonly program: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/** Why a kernel gets a placement. `spread`: its worker had two kernels more than another. */
export type MoveReason = 'compile' | 'update' | 'retire' | 'recover' | 'spread';

/** What a kernel asks of its pool. */
export interface KernelHost {
  readonly weightStore: WeightStore;
  /** Compiles `source` on a worker of the pool's choice, which from then on counts the kernel as its own. */
  place(kernel: PlacedKernel, source: ProgramSource, reason: MoveReason): Promise<Placement>;
  /** The kernel no longer uses it; its `worker` is already the next one. */
  release(kernel: PlacedKernel, placement: Placement): void;
  readonly calls: Calls;
  /** The kernel could not run for `milliseconds` although it had work. */
  stalled(reason: MoveReason, milliseconds: number): void;
  /** The kernel takes no more calls, for this reason. */
  forget(kernel: PlacedKernel, reason: Error): void;
}
