import { type CompileOptions, type InputReuse, invalidArgument, type Port } from '@mayfly/native';
import { signalOf, unwatchAbort, watchAbort } from '../../abort-watch.js';
import { failedCall } from '../../callers-stack.js';
import type { Tensor } from '../../memory/tensor.js';
import type { Admission } from '../admission.js';
import { isLackOfWorkers, kernelDisposedError } from '../errors.js';
import type { CallOptions, Kernel, KernelSummary, MoveReason, RunOptions, Tensors, WeightSources } from '../types.js';
import type { RunOwner } from '../worker/in-flight.js';
import { WorkHistory } from '../worker/latency.js';
import type { Run } from '../worker/run.js';
import type { LoadedProgram, ProgramSource, WorkerProcess } from '../worker/worker-process.js';
import { reuseOf } from './input-reuse.js';
import { KernelRuns } from './kernel-runs.js';
import { type Generation, Generations, type StoredWeights, type WeightStore } from './weights.js';

/** A kernel requests programs from it, and reports the programs that it no longer uses. */
export interface KernelOwner {
  /** Compiles `source` on a worker, which from then on holds the kernel. */
  place(kernel: KernelHandle, source: ProgramSource, reason: MoveReason): Promise<LoadedProgram<KernelHandle>>;
  /** The kernel no longer uses the program; its `worker` is already the next one. */
  release(kernel: KernelHandle, loaded: LoadedProgram<KernelHandle>): void;
  /** The kernel takes no more calls, because of `error`. */
  forget(kernel: KernelHandle, error: Error): void;
}

/** A program as a kernel keeps it, with the kernel's name and group. */
export interface KernelProgram {
  readonly name: string;
  /** MIL text. */
  readonly text: string;
  readonly options: CompileOptions;
  readonly group?: string | undefined;
}

/**
 * A handle to a program. Runs are kept in the order of their calls: each is sent to a program of its generation, and a switch
 * to another program waits until nothing is in flight on the old one. One loop, `reconcile`, gets the programs: it compares
 * what the kernel has with what it should have, and acts until both agree.
 */
export class KernelHandle implements Kernel, RunOwner {
  inputs: readonly Port[] = [];
  outputs: readonly Port[] = [];
  readonly history = new WorkHistory();
  readonly #program: KernelProgram;
  readonly #owner: KernelOwner;
  readonly #store: WeightStore;
  readonly #admission: Admission;
  readonly #generations: Generations;
  readonly #runs: KernelRuns<KernelHandle>;
  /** Where runs are sent. */
  #current: LoadedProgram<KernelHandle> | null = null;
  /** The compiled successor of `current`, which waits until nothing is in flight on it. */
  #incoming: { readonly loaded: LoadedProgram<KernelHandle>; readonly generation: Generation } | null = null;
  /** Whether it has to leave a worker that has too many kernels. */
  #spreading = false;
  /** The retiring worker that it could not leave yet; retried when a worker becomes ready. */
  #stuckOn: WorkerProcess<KernelHandle> | null = null;
  #reconciling = false;
  /** The end of the latest loop of `reconcile`. */
  #reconciled: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  #copiedBytes = 0;
  #prefetchedBytes = 0;
  readonly #stalledMs: Record<MoveReason, number> = { compile: 0, update: 0, retire: 0, recover: 0, spread: 0 };
  /** Why it has no program for its runs, and since when; 0 while it has one. */
  #stallReason: MoveReason = 'compile';
  #stalledSince = 0;

  /** @param settle Called when the first program is compiled, or with the error of that. */
  constructor(
    program: KernelProgram,
    weights: WeightSources,
    owner: KernelOwner,
    store: WeightStore,
    admission: Admission,
    settle: (error: Error | null) => void,
  ) {
    this.#program = program;
    this.#owner = owner;
    this.#store = store;
    this.#admission = admission;
    this.#runs = new KernelRuns<KernelHandle>(this, store.arena, admission);
    this.#generations = new Generations(store.store(weights, program.text), settle);
  }

  get name(): string {
    return this.#program.name;
  }

  /** As `PoolProgram.group`. */
  get group(): string | undefined {
    return this.#program.group;
  }

  /** Its program with the weights of the current generation. */
  get source(): ProgramSource {
    return this.#sourceOf(this.#generations.serving);
  }

  /** Why it takes no more calls; null while it does. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Where its runs are sent. */
  get worker(): WorkerProcess<KernelHandle> | null {
    return this.#current?.worker ?? null;
  }

  /** Whether it is being compiled, or waits for the switch to the compiled program. */
  get moving(): boolean {
    return this.#reconciling || this.#incoming !== null;
  }

  /** Whether a compilation only for its move is worth while. */
  get movable(): boolean {
    // Updates are compilations anyway, and find the worker with the fewest kernels.
    return !this.moving && this.#current !== null && !this.#stuck && this.#generations.latest === 0;
  }

  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  get prefetchedBytes(): number {
    return this.#prefetchedBytes;
  }

  copied(bytes: number, prefetched: number): void {
    this.#copiedBytes += bytes;
    this.#prefetchedBytes += prefetched;
  }

  /** Milliseconds in which it had runs and no program for them, by the reason. */
  get stalledMs(): Readonly<Record<MoveReason, number>> {
    return this.#stalledMs;
  }

  stats(): KernelSummary {
    return { name: this.name, worker: this.worker?.id ?? null, evaluation: this.history.histogram.summary() };
  }

  run(inputs: Tensors, outputs: Tensors, options?: RunOptions): Promise<void> {
    try {
      const signal = options === undefined ? undefined : signalOf(options);
      const reuse = options === undefined ? undefined : reuseOf(options, this.inputs[0], this.#store.arena);
      const onLeadingRows = options?.onLeadingRows;
      if (onLeadingRows !== undefined && typeof onLeadingRows !== 'function') {
        throw invalidArgument('onLeadingRows', 'a function', onLeadingRows);
      }
      const run = this.#runs.bind(inputs, outputs);
      signal?.throwIfAborted();
      // All arguments have been read: their getters may have called this pool.
      if (this.#failure !== null) throw this.#failure;
      const settled = this.#runs.add(run, this.#generations.latest, signal, reuse, onLeadingRows);
      this.#flush();
      return settled;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  prefetch(input: Tensor, reuse: InputReuse): void {
    reuseOf({ reuse }, this.inputs[0], this.#store.arena);
    const offset = this.#runs.inputOffset(input);
    const current = this.#current;
    if (current !== null && this.#failure === null) current.worker.prefetch(current.program, offset, reuse);
  }

  update(weights?: WeightSources, options?: CallOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const signal = signalOf(options);
      signal?.throwIfAborted();
      if (this.#failure !== null) throw this.#failure;
      const stored = this.#admission.admitWith(() => this.#stored(weights));
      const abortable = { aborted: reject };
      if (signal !== undefined) watchAbort(signal, abortable);
      this.#generations.add(stored, (error) => {
        if (signal !== undefined) unwatchAbort(signal, abortable);
        this.#admission.settled();
        if (error === null) resolve();
        else if (signal?.aborted) reject(signal.reason);
        else resolve(failedCall(error));
      });
      void this.reconcile();
    });
  }

  async dispose(): Promise<void> {
    this.fail(kernelDisposedError(this.name));
    // The caller may write to the weights from now on, which a compilation under way still reads.
    await this.#reconciled;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /** Settles one of its runs, which was answered. */
  answered(run: Run<KernelHandle>, error: Error | null): void {
    this.#runs.answered(run, error);
    if (this.#incoming !== null) this.#flush();
  }

  /** Leaves the worker whose device failed one of its runs, and repeats the run on another. */
  retry(run: Run<KernelHandle>): void {
    const failed = this.#failure === null ? this.#current : null;
    if (failed !== null) {
      this.#current = null;
      this.#owner.release(this, failed);
    }
    this.#again(1, [run]);
  }

  /** Leaves a lost worker, which left `sent` runs unanswered; those in `again`, in the order of their calls, are repeated. */
  lost(worker: WorkerProcess<KernelHandle>, sent: number, again: readonly Run<KernelHandle>[]): void {
    if (this.#failure === null) {
      if (this.#current?.worker === worker) this.#current = null;
      if (this.#incoming?.loaded.worker === worker) this.#incoming = null;
    }
    this.#again(sent, again);
  }

  /** Gives the kernel up because of a run, which is in no queue. */
  condemn(run: Run<KernelHandle>, error: Error): void {
    this.#runs.end(run, error);
    this.fail(error);
  }

  /** Rejects its runs and updates, and frees its program and weights. */
  fail(error: Error): void {
    // The first error is kept: later ones are its consequences.
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#owner.forget(this, error);
    this.#runs.fail(error);
    const held = [this.#current, this.#incoming?.loaded ?? null].filter((loaded) => loaded !== null);
    this.#current = null;
    this.#incoming = null;
    for (const loaded of held) this.#owner.release(this, loaded);
    this.#generations.end(error);
  }

  /** Moves it to a worker with fewer kernels. Call it only while `movable`. */
  spread(): void {
    this.#spreading = true;
    void this.reconcile();
  }

  /** Retries a move, since a worker became ready. */
  unstick(): void {
    const stuck = this.#stuckOn !== null;
    this.#stuckOn = null;
    if (stuck) void this.reconcile();
  }

  /** Requests programs until the kernel has the one that it should have. One loop at a time. */
  reconcile(): Promise<void> {
    if (!this.#reconciling) this.#reconciled = this.#reconcile();
    return this.#reconciled;
  }

  async #reconcile(): Promise<void> {
    this.#reconciling = true;
    while (this.#failure === null) {
      const wanted = this.#wanted();
      if (wanted === null) break;
      const { generation, reason } = wanted;
      this.#stallReason = reason;
      // A worker may read them until it has answered, even if the kernel is disposed meanwhile.
      const read = generation.weights.again();
      try {
        this.#accept(await this.#owner.place(this, this.#sourceOf(generation), reason), generation);
      } catch (error) {
        this.#refuse(generation, reason, error instanceof Error ? error : new Error(String(error)));
      } finally {
        read.free();
      }
    }
    this.#reconciling = false;
  }

  /** The program that is missing, most urgent first. */
  #wanted(): { readonly generation: Generation; readonly reason: MoveReason } | null {
    const { serving, next: update } = this.#generations;
    const spreading = this.#spreading;
    this.#spreading = false;
    const incoming = this.#incoming?.generation;
    if (this.#current === null && incoming !== serving && (this.#hasOldWork || update === undefined)) {
      return { generation: serving, reason: serving.settle === null ? 'recover' : 'compile' };
    }
    if (incoming !== undefined) return null;
    if (update !== undefined) return { generation: update, reason: 'update' };
    const worker = this.#current?.worker;
    if (worker?.evicting && worker !== this.#stuckOn) return { generation: serving, reason: 'retire' };
    return spreading ? { generation: serving, reason: 'spread' } : null;
  }

  #sourceOf({ weights: { ranges } }: Generation): ProgramSource {
    const { text, options } = this.#program;
    return { text, weights: ranges, options };
  }

  #stored(weights: WeightSources | undefined): StoredWeights {
    const stored = weights === undefined ? this.#generations.again() : this.#store.store(weights, this.#program.text);
    if (this.#failure === null) return stored;
    // A getter in the weights has disposed of the kernel.
    stored.free();
    throw this.#failure;
  }

  #accept(loaded: LoadedProgram<KernelHandle>, generation: Generation): void {
    if (this.#failure !== null || loaded.worker.lost) {
      this.#owner.release(this, loaded);
    } else if (generation === this.#generations.serving && this.#current === null && this.#runs.inFlight === 0) {
      this.#serve(loaded, generation);
    } else {
      this.#incoming = { loaded, generation };
    }
    this.#flush();
  }

  #refuse(generation: Generation, reason: MoveReason, error: Error): void {
    if (generation !== this.#generations.serving) {
      // A run that was called after a failed update must not use the weights before it.
      this.#runs.fail(error, generation.number);
      this.#generations.drop(generation, error);
    } else if (this.#current === null || (reason === 'retire' && !isLackOfWorkers(error))) {
      // A kernel that stayed would keep its worker from leaving for ever.
      this.fail(error);
    } else {
      this.#stuckOn = this.#current.worker;
      this.#flush();
    }
  }

  #again(sent: number, again: readonly Run<KernelHandle>[]): void {
    this.#runs.again(sent, again);
    if (this.#failure !== null) this.#runs.fail(this.#failure);
    else this.#flush();
    void this.reconcile();
  }

  /** Switches programs when nothing is in flight, then sends the runs that may go. */
  #flush(): void {
    for (;;) {
      this.#runs.skipAbandoned();
      const current = this.#current;
      const incoming = this.#incoming;
      const oldWork = this.#hasOldWork;
      const toServing = incoming?.generation === this.#generations.serving;
      if (incoming !== null && this.#runs.inFlight === 0 && (toServing || !oldWork)) {
        this.#incoming = null;
        this.#serve(incoming.loaded, incoming.generation);
        if (current !== null) this.#owner.release(this, current);
        continue;
      }
      if (!oldWork || current === null || toServing) break;
      if (current.worker.exhausted && !this.#stuck) break;
      this.#endStall();
      this.#runs.send(current);
    }
    if (this.#runs.waiting > 0 && this.#stalledSince === 0) this.#stalledSince = performance.now();
  }

  /** The next run has to see the weights that are served now. */
  get #hasOldWork(): boolean {
    return this.#runs.nextGeneration === this.#generations.serving.number;
  }

  get #stuck(): boolean {
    return this.#current !== null && this.#current.worker === this.#stuckOn;
  }

  #endStall(): void {
    if (this.#stalledSince === 0) return;
    this.#stalledMs[this.#stallReason] += performance.now() - this.#stalledSince;
    this.#stalledSince = 0;
  }

  #serve(loaded: LoadedProgram<KernelHandle>, generation: Generation): void {
    this.#current = loaded;
    this.inputs = loaded.inputs;
    this.outputs = loaded.outputs;
    this.#generations.serve(generation);
    queueMicrotask(() => void this.reconcile());
  }
}
