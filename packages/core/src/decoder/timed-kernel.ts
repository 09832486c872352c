import type { InputPart } from '@mayfly/native';
import type { Arena } from '../memory/arena.js';
import type { CallOptions, Kernel, PoolProgram } from '../pool/types.js';
import type { Stopwatch } from './stopwatch.js';
import type { SurfaceTensor } from './surface.js';

/** The part of a pool that training uses. */
export interface KernelCompiler {
  readonly arena: Arena;
  /** Whether the device copies the parts of an input from where they lie, so that the caller need not copy them into place. Default: false. */
  readonly gathersInputs?: boolean;
  /** Processes that evaluate kernels. Default: 1. */
  readonly workers?: number;
  compile(program: PoolProgram, options?: CallOptions): Promise<Kernel>;
}

/** An evaluation whose first rows may be there before the others. */
export interface LeadingRun {
  /** Waits for the leading rows of the output. */
  leading(): Promise<void>;
  /** Waits for the others: call it after `leading`. */
  complete(): Promise<void>;
}

/** A kernel that accounts for the time spent waiting for it. */
export class TimedKernel {
  readonly #kernel: Kernel;
  readonly #stopwatch: Stopwatch;
  #update: Promise<void> | null = null;
  /** The kernel's `copiedBytes` and `prefetchedBytes` at the last count. */
  #counted = { copiedBytes: 0, prefetchedBytes: 0 };

  constructor(kernel: Kernel, stopwatch: Stopwatch) {
    this.#kernel = kernel;
    this.#stopwatch = stopwatch;
  }

  /** Once its arena ranges are `written`, starts a compilation with the weights there; the next `start` after that waits for it. */
  async update(written: Promise<unknown>): Promise<void> {
    this.#stopwatch.work.compiled();
    await written;
    this.#update = this.#kernel.update();
    // The next run gets the error; until then it must not count as an unhandled rejection.
    this.#update.catch(() => {});
  }

  /** Waits for the compilation that the next `start` would wait for, which gets its error. */
  async settle(): Promise<void> {
    await this.#update?.catch(() => {});
  }

  /**
   * Sends one evaluation, and returns a function that waits for it, so that the caller can work meanwhile.
   *
   * @param parts All that the program reads beside weights, wherever it lies. Default: the columns that are no weights, in place. Null: it
   * is in place, and the device copies nothing.
   * @param leadingRows Rows of the output that a device has to copy before it evaluates what follows. Default: all.
   */
  async start(
    input: SurfaceTensor,
    output: SurfaceTensor,
    parts?: readonly InputPart[] | null,
    leadingRows?: number,
  ): Promise<() => Promise<void>> {
    await this.#updated();
    const run = this.#send(input, output, parts, leadingRows);
    return async () => {
      await this.#stopwatch.wait('kernels', run);
      this.#count();
    };
  }

  /** As `start`, for a caller who needs the leading rows, at least one, before the others. */
  async startLeading(
    input: SurfaceTensor,
    output: SurfaceTensor,
    parts: readonly InputPart[] | null,
    leadingRows: number,
  ): Promise<LeadingRun> {
    await this.#updated();
    let announce = () => {};
    const announced = new Promise<void>((resolve) => {
      announce = resolve;
    });
    const run = this.#send(input, output, parts, leadingRows, announce);
    return {
      // Only devices that copy the others later announce them.
      leading: () => this.#stopwatch.wait('kernels', Promise.race([announced, run])),
      complete: async () => {
        await this.#stopwatch.resume('kernels', run);
        this.#count();
      },
    };
  }

  /**
   * Lets the device copy beside other evaluations what the next `start` with this input reads: the columns that hold weights, and parts
   * that stay as they are until then.
   */
  prefetch(input: SurfaceTensor, parts: readonly InputPart[] = []): void {
    const reuse = input.reuse(parts);
    if (reuse.generation !== 0 || parts.length > 0) this.#kernel.prefetch(input.tensor, reuse);
  }

  async run(input: SurfaceTensor, output: SurfaceTensor, parts: readonly InputPart[] | null): Promise<void> {
    const wait = await this.start(input, output, parts);
    await wait();
  }

  dispose(): Promise<void> {
    return this.#kernel.dispose();
  }

  async #updated(): Promise<void> {
    if (this.#update !== null) await this.#stopwatch.wait('compile', this.#update);
    this.#update = null;
  }

  #send(
    input: SurfaceTensor,
    output: SurfaceTensor,
    parts: readonly InputPart[] | null | undefined,
    leadingRows: number | undefined,
    onLeadingRows?: () => void,
  ): Promise<void> {
    const outputGeneration = output.written();
    const reuse = parts === null ? undefined : { outputGeneration, leadingRows, ...input.reuse(parts) };
    const options = { reuse, onLeadingRows };
    const run = this.#stopwatch.time('dispatch', () => this.#kernel.run(input.tensor, output.tensor, options));
    // Whoever waits gets the error; until then it must not count as an unhandled rejection.
    run.catch(() => {});
    return run;
  }

  #count(): void {
    const { copiedBytes, prefetchedBytes } = this.#kernel;
    const before = this.#counted;
    this.#stopwatch.work.dispatched();
    this.#stopwatch.work.copied(copiedBytes - before.copiedBytes, prefetchedBytes - before.prefetchedBytes);
    this.#counted = { copiedBytes, prefetchedBytes };
  }
}
