import type { Port } from '@mayfly/native';
import { bindTensors } from './bind-tensors.js';
import { kernelDisposedError } from './errors.js';
import type { KernelHost, MoveReason, Placement } from './kernel-host.js';
import { Run } from './run.js';
import type { CallOptions, Kernel, RunOptions, Tensors, WeightSources } from './types.js';
import { type Version, WeightVersions } from './weight-versions.js';
import { WorkHistory } from './work-history.js';
import type { WorkerProcess } from './worker-process.js';

/**
 * A handle to a program. Runs are kept in the order of their calls: each is sent to a placement of its epoch's weights, and a
 * switch to another placement waits until nothing is in flight on the old one. Placements are found by one loop,
 * `reconcile`, which compares what is with what should be and acts until both agree.
 */
export class KernelHandle implements Kernel {
  inputs: readonly Port[] = [];
  outputs: readonly Port[] = [];
  /** What devices took for its evaluations. */
  readonly history = new WorkHistory();

  readonly #host: KernelHost;
  readonly #text: string;
  readonly #versions: WeightVersions;
  #placement: Placement | null = null;
  /** Compiled, and waiting until nothing is in flight on `#placement`. */
  #incoming: { readonly placement: Placement; readonly version: Version } | null = null;
  readonly #waiting: Run[] = [];
  #inFlight = 0;
  #waitingSince = 0;
  #waitReason: MoveReason = 'compile';
  #reconciling = false;
  /** A worker that its kernels should leave, but this one could not: it stays until somewhere to go turns up. */
  #stuckOn: WorkerProcess | null = null;
  /** Why it takes no more calls; null while it does. */
  #failure: Error | null = null;

  constructor(
    readonly name: string,
    text: string,
    weights: WeightSources,
    host: KernelHost,
    settle: (error: Error | null) => void,
  ) {
    this.#host = host;
    this.#text = text;
    this.#versions = new WeightVersions(host.weightStore.store(weights), settle);
  }

  /** Where its runs go now. */
  get worker(): WorkerProcess | null {
    return this.#placement?.worker ?? null;
  }

  run(inputs: Tensors, outputs: Tensors, options?: RunOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      options?.signal?.throwIfAborted();
      const offsets = bindTensors(this, inputs, outputs);
      this.#host.calls.admit();
      this.#waiting.push(new Run(this, offsets, this.#versions.epoch, resolve, reject, options));
      this.#flush();
    });
  }

  update(weights?: WeightSources, options?: CallOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      const signal = options?.signal;
      signal?.throwIfAborted();
      const stored = this.#host.calls.admitWith(() =>
        weights === undefined ? this.#versions.again() : this.#host.weightStore.store(weights),
      );
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      const settle = (error: Error | null) => {
        signal?.removeEventListener('abort', onAbort);
        this.#host.calls.settled();
        if (error === null) resolve();
        else reject(error);
      };
      this.#versions.add(stored, settle);
      void this.reconcile();
    });
  }

  dispose(): Promise<void> {
    if (this.#failure === null) this.fail(kernelDisposedError(this.name));
    return Promise.resolve();
  }

  /** An answer to one of its runs. */
  answered(run: Run, error: Error | null): void {
    this.#inFlight -= 1;
    this.#end(run, error);
    if (this.#incoming !== null) this.#flush();
  }

  /** Its placement's device failed one of its runs, which is to be tried elsewhere. */
  retry(run: Run): void {
    this.#inFlight -= 1;
    if (this.#failure !== null) {
      this.#end(run, this.#failure);
      return;
    }
    this.#waiting.unshift(run);
    const failed = this.#placement;
    this.#placement = null;
    if (failed !== null) this.#host.release(this, failed);
    this.#flush();
    void this.reconcile();
  }

  /** The worker of a placement was lost with `sent` runs unanswered, of which `again` go elsewhere, in their order. */
  lost(worker: WorkerProcess, sent: number, again: readonly Run[]): void {
    this.#inFlight -= sent;
    if (this.#failure !== null) {
      for (const run of again) this.#end(run, this.#failure);
      return;
    }
    this.#waiting.unshift(...again);
    if (this.#placement?.worker === worker) this.#placement = null;
    if (this.#incoming?.placement.worker === worker) this.#incoming = null;
    this.#flush();
    void this.reconcile();
  }

  /** Ends one waiting run with an error. */
  failRun(run: Run, error: Error): void {
    const at = this.#waiting.indexOf(run);
    if (at === -1) return;
    this.#waiting.splice(at, 1);
    this.#end(run, error);
  }

  /** Ends everything it was asked to do with `error`, and gives back what it holds. */
  fail(error: Error): void {
    if (this.#failure === null) this.#host.forget(this);
    this.#failure = error;
    for (const run of this.#waiting.splice(0)) this.#end(run, error);
    const held = [this.#placement, this.#incoming?.placement ?? null];
    this.#placement = null;
    this.#incoming = null;
    for (const placement of held) if (placement !== null) this.#host.release(this, placement);
    this.#versions.end(error);
  }

  /** A worker became ready: it may be where to go. */
  unstick(): void {
    if (this.#stuckOn === null) return;
    this.#stuckOn = null;
    void this.reconcile();
  }

  /** Finds placements until what is agrees with what should be. One loop at a time. */
  async reconcile(): Promise<void> {
    if (this.#reconciling) return;
    this.#reconciling = true;
    for (let wanted = this.#wanted(); wanted !== null; wanted = this.#wanted()) {
      const { version, reason } = wanted;
      this.#waitReason = reason;
      try {
        const source = { text: this.#text, weights: version.weights.ranges };
        this.#accept(await this.#host.place(this, source, reason), version);
      } catch (error) {
        this.#refuse(version, error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#reconciling = false;
  }

  /** The placement that is missing, most urgent first. */
  #wanted(): { version: Version; reason: MoveReason } | null {
    if (this.#failure !== null) return null;
    const { serving, next: update } = this.#versions;
    const incoming = this.#incoming?.version;
    const oldWork = this.#waiting[0]?.epoch === serving.epoch;
    if (this.#placement === null && incoming !== serving && (oldWork || update === undefined)) {
      return { version: serving, reason: serving.settle === null ? 'recover' : 'compile' };
    }
    if (incoming !== undefined) return null;
    if (update !== undefined) return { version: update, reason: 'update' };
    const worker = this.#placement?.worker;
    return worker?.evicting && worker !== this.#stuckOn ? { version: serving, reason: 'retire' } : null;
  }

  #accept(placement: Placement, version: Version): void {
    if (this.#failure !== null || placement.worker.lost) {
      this.#host.release(this, placement);
    } else if (version === this.#versions.serving && this.#placement === null && this.#inFlight === 0) {
      this.#serve(placement, version);
    } else {
      this.#incoming = { placement, version };
    }
    this.#flush();
  }

  #refuse(version: Version, error: Error): void {
    if (version === this.#versions.serving) {
      if (this.#placement === null) this.fail(error);
      else this.#stuckOn = this.#placement.worker;
      return;
    }
    // Runs called after a failed update must not silently see the weights before it.
    for (const run of this.#waiting.filter(({ epoch }) => epoch === version.epoch)) this.failRun(run, error);
    this.#versions.drop(version, error);
  }

  /** Switches placements when nothing is in flight, then sends what may go. */
  #flush(): void {
    for (;;) {
      while (this.#waiting[0]?.abandoned) this.#end(this.#waiting.shift()!, null);
      const next = this.#waiting[0];
      const oldWork = next?.epoch === this.#versions.serving.epoch;
      const incoming = this.#incoming;
      if (incoming !== null && this.#inFlight === 0 && (incoming.version === this.#versions.serving || !oldWork)) {
        this.#incoming = null;
        const outgoing = this.#placement;
        this.#serve(incoming.placement, incoming.version);
        if (outgoing !== null) this.#host.release(this, outgoing);
        continue;
      }
      const placement = this.#placement;
      if (next === undefined || !oldWork || placement === null || incoming?.version === this.#versions.serving) break;
      this.#waiting.shift();
      this.#inFlight += 1;
      if (this.#waitingSince !== 0) this.#noteStall();
      placement.worker.send(next, placement.program);
    }
    if (this.#waiting.length > 0 && this.#waitingSince === 0) this.#waitingSince = performance.now();
  }

  #serve(placement: Placement, version: Version): void {
    this.#placement = placement;
    this.inputs = placement.inputs;
    this.outputs = placement.outputs;
    this.#versions.serve(version);
    queueMicrotask(() => void this.reconcile());
  }

  #end(run: Run, error: Error | null): void {
    run.settle(error);
    this.#host.calls.settled();
  }

  #noteStall(): void {
    this.#host.stalled(this.#waitReason, performance.now() - this.#waitingSince);
    this.#waitingSince = 0;
  }
}
