import type { Port } from '@mayfly/native';
import type { Run } from './run.js';
import type { WorkHistory } from './work-history.js';
import type { WorkerProcess } from './worker-process.js';
import type { ProgramSource } from './worker-setup.js';

/** A kernel as far as workers and their fleet know it: whose runs they are sent, and who is told what became of them. */
export interface PlacedKernel {
  readonly name: string;
  readonly inputs: readonly Port[];
  /** Its program, with the weights that are served now. */
  readonly source: ProgramSource;
  /** Where its runs go now. */
  readonly worker: WorkerProcess | null;
  /** What devices took for its evaluations. */
  readonly history: WorkHistory;
  /** Why it takes no more calls; null while it does. */
  readonly failure: Error | null;
  /** It is being compiled, or waits to be switched to what was compiled. */
  readonly moving: boolean;
  /** It may be moved, which takes a compilation that nothing else asks for. */
  readonly movable: boolean;
  /** An answer to one of its runs. */
  answered(run: Run, error: Error | null): void;
  /** Its placement's device failed one of its runs, which is to be tried elsewhere. */
  retry(run: Run): void;
  /** The worker of a placement was lost with `sent` runs unanswered, of which `again` go elsewhere, in their order. */
  lost(worker: WorkerProcess, sent: number, again: readonly Run[]): void;
  /** Ends everything it was asked to do with `error`, and gives back what it holds. */
  fail(error: Error): void;
  /** Moves it to a worker that has fewer kernels. It is `movable`. */
  spread(): void;
  /** A worker became ready: it may be where to go. */
  unstick(): void;
  /** Finds placements until what is agrees with what should be. */
  reconcile(): Promise<void>;
}
