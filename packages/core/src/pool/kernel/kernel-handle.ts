import type { Port } from '@mayfly/native';
import { reuseOf, signalOf } from '../call-options.js';
import { kernelDisposedError } from '../errors.js';
import type { CallOptions, Kernel, RunOptions, Tensors, WeightSources } from '../types.js';
import { unwatchAbort, watchAbort } from '../worker/abort-watch.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { Run } from '../worker/run.js';
import { WorkHistory } from '../worker/work-history.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { ProgramSource } from '../worker/worker-setup.js';
import type { KernelHost, Placement } from './kernel-host.js';
import { KernelPlace } from './kernel-place.js';
import { KernelRuns } from './kernel-runs.js';
import { StallClock } from './stall-clock.js';
import type { StoredWeights } from './weight-store.js';
import { type Version, WeightVersions } from './weight-versions.js';

/**
 * A handle to a program. Runs are kept in the order of their calls: each is sent to a placement of its epoch's weights, and a
 * switch to another placement waits until nothing is in flight on the old one. Placements are found by one loop,
 * `reconcile`, which compares what is with what should be and acts until both agree.
 */
export class KernelHandle implements Kernel, PlacedKernel {
  inputs: readonly Port[] = [];
  outputs: readonly Port[] = [];
  readonly history = new WorkHistory();
  readonly #host: KernelHost;
  readonly #text: string;
  readonly #versions: WeightVersions;
  readonly #place = new KernelPlace();
  readonly #runs: KernelRuns;
  readonly #stall: StallClock;
  #reconciling = false;
  #failure: Error | null = null;

  constructor(
    readonly name: string,
    text: string,
    weights: WeightSources,
    host: KernelHost,
    settle: (error: Error | null) => void,
  ) {
    this.#host = host;
    this.#runs = new KernelRuns(this, host.weightStore.arena, host.calls);
    this.#stall = new StallClock(host.stalled);
    this.#text = text;
    this.#versions = new WeightVersions(host.weightStore.store(weights, text), settle);
  }

  get source(): ProgramSource {
    return this.#sourceOf(this.#versions.serving);
  }

  get failure(): Error | null {
    return this.#failure;
  }

  get worker(): WorkerProcess | null {
    return this.#place.current?.worker ?? null;
  }

  run(inputs: Tensors, outputs: Tensors, options?: RunOptions): Promise<void> {
    try {
      const signal = signalOf(options);
      const reuse = reuseOf(options);
      const run = this.#runs.bound(inputs, outputs);
      signal?.throwIfAborted();
      // What the caller gave was read by now: getters of it may have called anything.
      if (this.#failure !== null) throw this.#failure;
      const settled = this.#runs.add(run, this.#versions.epoch, signal, reuse);
      this.#flush();
      return settled;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  update(weights?: WeightSources, options?: CallOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const signal = signalOf(options);
      signal?.throwIfAborted();
      if (this.#failure !== null) throw this.#failure;
      const stored = this.#host.calls.admitWith(() => this.#stored(weights));
      const abortable = { aborted: reject };
      if (signal !== undefined) watchAbort(signal, abortable);
      this.#versions.add(stored, (error) => {
        if (signal !== undefined) unwatchAbort(signal, abortable);
        this.#host.calls.settled();
        if (error === null) resolve();
        else reject(error);
      });
      void this.reconcile();
    });
  }

  async dispose(): Promise<void> {
    this.fail(kernelDisposedError(this.name));
  }

  answered(run: Run, error: Error | null): void {
    this.#runs.answered(run, error);
    if (this.#place.incoming !== null) this.#flush();
  }

  retry(run: Run): void {
    const failed = this.#failure === null ? this.#place.current : null;
    if (failed !== null) {
      this.#place.current = null;
      this.#host.release(this, failed);
    }
    this.#again(1, [run]);
  }

  lost(worker: WorkerProcess, sent: number, again: readonly Run[]): void {
    if (this.#failure === null) this.#place.lost(worker);
    this.#again(sent, again);
  }

  fail(error: Error): void {
    // The first one stands: what follows from it must not hide it.
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#host.forget(this, error);
    this.#runs.fail(error);
    for (const placement of this.#place.clear()) this.#host.release(this, placement);
    this.#versions.end(error);
  }

  get moving(): boolean {
    return this.#reconciling || this.#place.incoming !== null;
  }

  get movable(): boolean {
    // Updates are compilations anyway, and find the worker with the fewest kernels.
    return !this.moving && this.#place.settled && this.#versions.epoch === 0;
  }

  spread(): void {
    this.#place.spreading = true;
    void this.reconcile();
  }

  unstick(): void {
    if (this.#place.unstick()) void this.reconcile();
  }

  /** Finds placements until what is agrees with what should be. One loop at a time. */
  async reconcile(): Promise<void> {
    if (this.#reconciling) return;
    this.#reconciling = true;
    while (this.#failure === null) {
      const wanted = this.#place.wanted(this.#versions, this.#hasOldWork);
      if (wanted === null) break;
      const { version, reason } = wanted;
      this.#stall.reason = reason;
      // A worker may read them until it has answered, even where the kernel is disposed of meanwhile.
      const read = version.weights.again();
      try {
        this.#accept(await this.#host.place(this, this.#sourceOf(version), reason), version);
      } catch (error) {
        this.#refuse(version, error instanceof Error ? error : new Error(String(error)));
      } finally {
        read.free();
      }
    }
    this.#reconciling = false;
  }

  #sourceOf({ weights: { ranges } }: Version): ProgramSource {
    return { text: this.#text, weights: ranges };
  }

  #stored(weights: WeightSources | undefined): StoredWeights {
    const stored = weights === undefined ? this.#versions.again() : this.#host.weightStore.store(weights, this.#text);
    if (this.#failure === null) return stored;
    // A getter of the weights disposed of the kernel.
    stored.free();
    throw this.#failure;
  }

  #accept(placement: Placement, version: Version): void {
    if (this.#failure !== null || placement.worker.lost) {
      this.#host.release(this, placement);
    } else if (version === this.#versions.serving && this.#place.current === null && this.#runs.inFlight === 0) {
      this.#serve(placement, version);
    } else {
      this.#place.incoming = { placement, version };
    }
    this.#flush();
  }

  #refuse(version: Version, error: Error): void {
    if (version !== this.#versions.serving) {
      // Runs called after a failed update must not silently see the weights before it.
      this.#runs.fail(error, version.epoch);
      this.#versions.drop(version, error);
    } else if (this.#place.current === null) this.fail(error);
    else {
      this.#place.stay();
      this.#flush();
    }
  }

  #again(sent: number, again: readonly Run[]): void {
    this.#runs.again(sent, again);
    if (this.#failure !== null) this.#runs.fail(this.#failure);
    else this.#flush();
    void this.reconcile();
  }

  /** Switches placements when nothing is in flight, then sends what may go. */
  #flush(): void {
    for (;;) {
      this.#runs.skipAbandoned();
      const { current, incoming } = this.#place;
      const oldWork = this.#hasOldWork;
      const toServing = incoming?.version === this.#versions.serving;
      if (incoming !== null && this.#runs.inFlight === 0 && (toServing || !oldWork)) {
        this.#place.incoming = null;
        this.#serve(incoming.placement, incoming.version);
        if (current !== null) this.#host.release(this, current);
        continue;
      }
      if (!oldWork || current === null || toServing) break;
      if (current.worker.exhausted && !this.#place.stuck) break;
      this.#stall.stop();
      this.#runs.send(current);
    }
    if (this.#runs.waiting > 0) this.#stall.start();
  }

  get #hasOldWork(): boolean {
    return this.#runs.nextEpoch === this.#versions.serving.epoch;
  }

  #serve(placement: Placement, version: Version): void {
    this.#place.current = placement;
    this.inputs = placement.inputs;
    this.outputs = placement.outputs;
    this.#versions.serve(version);
    queueMicrotask(() => void this.reconcile());
  }
}
