import type { WorkerProcess } from '../worker/worker-process.js';
import type { MoveReason, Placement } from './kernel-host.js';
import type { Version, WeightVersions } from './weight-versions.js';

/** Where a kernel's runs go, and where they will go next. */
export class KernelPlace {
  current: Placement | null = null;
  /** Compiled, and waiting until nothing is in flight on `current`. */
  incoming: { readonly placement: Placement; readonly version: Version } | null = null;
  /** It is to leave a worker that has too many kernels. */
  spreading = false;
  /** A worker that its kernels should leave, but this one could not: it stays until somewhere to go turns up. */
  #stuckOn: WorkerProcess | null = null;

  /** The placement that is missing, most urgent first. `oldWork`: the next run is to see the weights that are served now. */
  wanted({ serving, next: update }: WeightVersions, oldWork: boolean): { version: Version; reason: MoveReason } | null {
    const { spreading } = this;
    this.spreading = false;
    const incoming = this.incoming?.version;
    if (this.current === null && incoming !== serving && (oldWork || update === undefined)) {
      return { version: serving, reason: serving.settle === null ? 'recover' : 'compile' };
    }
    if (incoming !== undefined) return null;
    if (update !== undefined) return { version: update, reason: 'update' };
    const worker = this.current?.worker;
    if (worker?.evicting && worker !== this.#stuckOn) return { version: serving, reason: 'retire' };
    return spreading ? { version: serving, reason: 'spread' } : null;
  }

  /** A worker is gone. */
  lost(worker: WorkerProcess): void {
    if (this.current?.worker === worker) this.current = null;
    if (this.incoming?.placement.worker === worker) this.incoming = null;
  }

  /** Gives up all it has. */
  clear(): Placement[] {
    const held = [this.current, this.incoming?.placement ?? null];
    this.current = null;
    this.incoming = null;
    return held.filter((placement) => placement !== null);
  }

  /** Nowhere to go was found. */
  stay(): void {
    this.#stuckOn = this.current?.worker ?? null;
  }

  /** It is where it is to be, and could go elsewhere. */
  get settled(): boolean {
    return this.current !== null && this.incoming === null && !this.stuck;
  }

  /** It could not leave its worker, and stays there until somewhere to go turns up. */
  get stuck(): boolean {
    return this.current !== null && this.current.worker === this.#stuckOn;
  }

  /** Somewhere to go may have turned up; whether that matters. */
  unstick(): boolean {
    const stuck = this.#stuckOn !== null;
    this.#stuckOn = null;
    return stuck;
  }
}
