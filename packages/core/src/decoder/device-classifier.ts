import { addon, type InputPart, type OuterProduct, type Precision } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import { type ClassifierPrograms, classifierPrograms, TABLE_GRADIENT_ROWS } from '../programs/classifier.js';
import type { ProgramForm } from '../programs/form.js';
import type { ModelState } from './model-state.js';
import type { Stopwatch } from './stopwatch.js';
import { SurfaceTensor } from './surface.js';
import { type KernelCompiler, TimedKernel } from './timed-kernel.js';

const { mathQueue: queue } = addon;

/** Classes whose logits the softmax takes together. */
const SOFTMAX_ROWS = 256;

export interface DeviceClassifierOptions {
  readonly state: ModelState;
  /** Tokens per pass. */
  readonly columns: number;
  readonly form: ProgramForm;
  /** Of the product that the host computes. */
  readonly precision: Precision;
  readonly stopwatch: Stopwatch;
}

/** A range of the vocabulary: its surfaces, of which both passes have the same input. */
interface Chunk {
  readonly first: number;
  /** Classes, without those that fill up the last chunk. */
  readonly count: number;
  readonly input: SurfaceTensor;
  readonly logits: SurfaceTensor;
  readonly dx: SurfaceTensor;
}

/** What a loss is computed from. */
export interface ClassifierPass {
  /** The output of the final norm, fp32 [dim, columns]. */
  readonly x: Tensor<'fp32'>;
  /** int32 [columns]: −1 does not count. */
  readonly targets: Tensor<'int32'>;
  /** Takes the logits and then their gradients, fp32 [vocab, columns]. */
  readonly logits: Tensor<'fp32'>;
  readonly gradientScale: number;
}

/**
 * The classifier's products with its table as kernels, a chunk of the vocabulary each: logits forward, and dx backward, whose parts are
 * added in fp32. Softmax, loss, and the gradient of the table are host math. The table is part of the kernels' input with either weight
 * strategy, since every update would compile its constants anew.
 */
export class DeviceClassifier {
  readonly #options: DeviceClassifierOptions;
  readonly #programs: ClassifierPrograms;
  readonly #chunks: readonly Chunk[];
  /** A chunk's part of dx, fp32 [dim, columns]. */
  readonly #part: Tensor<'fp32'> | null;
  /** Of the softmax under way. */
  readonly #partials: Tensor<'fp32'>;
  #isExpired = false;
  #kernels: { readonly forward: TimedKernel; readonly backward: TimedKernel | null } | null = null;

  constructor(source: TensorSource, options: DeviceClassifierOptions) {
    const { state, columns, form } = options;
    const { dim, vocab } = state.config;
    const programs = classifierPrograms({ dim, vocab, columns }, form);
    this.#options = options;
    this.#programs = programs;
    this.#part = state.training ? source.tensor('fp32', [dim, columns]) : null;
    this.#partials = source.tensor('fp32', [2 * Math.ceil(vocab / SOFTMAX_ROWS) + 1, columns]);
    this.#chunks = Array.from({ length: programs.chunks }, (_, index): Chunk => {
      const first = index * programs.rows;
      return {
        ...{ first, count: Math.min(programs.rows, vocab - first) },
        input: SurfaceTensor.allocate(source, programs.input),
        logits: SurfaceTensor.allocate(source, programs.forward.output),
        dx: SurfaceTensor.allocate(source, programs.backward.output),
      };
    });
  }

  /** Kernels that `load` compiles. */
  get kernels(): number {
    return this.#options.state.training ? 2 : 1;
  }

  async load(compiler: KernelCompiler): Promise<void> {
    const { stopwatch, state } = this.#options;
    for (const { input } of this.#chunks) {
      const { arena, offset, bytes } = input.tensor;
      // Classes that fill up the last chunk have no weights and no gradient.
      await queue.zero(arena, offset, bytes);
    }
    await stopwatch.wait('hostMath', Promise.all(this.#writeTable()));
    const compile = async (pass: 'forward' | 'backward') => {
      const { program } = this.#programs[pass];
      const name = `classifier${pass === 'forward' ? 'Forward' : 'Backward'}`;
      // Both read the same table: on one worker it is copied once.
      const kernel = await compiler.compile({ name, text: program.text, weights: {}, group: 'classifier' });
      return new TimedKernel(kernel, stopwatch);
    };
    this.#kernels = { forward: await compile('forward'), backward: state.training ? await compile('backward') : null };
    for (const { input } of this.#chunks) this.#kernels.forward.prefetch(input);
  }

  /** The table that the kernels read is not the newest any more: the next `loss` writes it anew. */
  expire(): void {
    this.#isExpired = true;
  }

  /** Queues the table's conversion, chunk by chunk. */
  #writeTable(): Promise<void>[] {
    this.#isExpired = false;
    const { state, stopwatch } = this.#options;
    const { dim, vocab } = state.config;
    stopwatch.work.did('convertedElements', vocab * dim);
    return this.#chunks.map(async ({ first, count, input }) => {
      const to = input.slot('table');
      const from = state.parameter('head') + 4 * first * dim;
      const matrix = { from, fromStride: dim, to: to.offset, toStride: to.stride, rows: count, columns: dim };
      await queue.toHalf(state.parameters.arena, { transpose: true, ...matrix });
      input.rewrittenFrom(this.#programs.freshColumns);
    });
  }

  /** Sum of −log p(target) over the columns that count. No update of the table may be under way. */
  async loss(pass: ClassifierPass): Promise<number> {
    const queued = new QueuedMath();
    try {
      await this.#evaluateLogits(pass, queued);
      const losing = this.#queueLoss(pass, queued);
      await this.#options.stopwatch.wait('hostMath', queued.done());
      return await losing;
    } finally {
      await queued.ended();
    }
  }

  /**
   * As `loss`. Writes dx, fp32 [dim, columns], and the gradients of the logits.
   *
   * @param onQueued Called once the queue has the gradients of the logits.
   */
  async lossBackward(pass: ClassifierPass, dx: Tensor<'fp32'>, onQueued: () => void): Promise<number> {
    const queued = new QueuedMath();
    try {
      await this.#evaluateLogits(pass, queued);
      const losing = this.#queueLoss(pass, queued);
      const written = this.#chunks.map((chunk) => this.#queueGradients(pass, chunk, queued));
      onQueued();
      const inputs = this.#chunks.map(({ input, dx: output }) => {
        const parts = this.#programs.parts.map((name) => input.part(name, input.slot(name)));
        return { input, output, parts };
      });
      const waits = await this.#start(this.#kernels!.backward!, inputs, written);
      for (const [index, chunk] of this.#chunks.entries()) {
        await waits[index]!();
        this.#addPart(chunk, dx);
      }
      await this.#options.stopwatch.wait('hostMath', queued.done());
      return await losing;
    } finally {
      await queued.ended();
    }
  }

  /** Evaluates the logits. Queues the softmax of a chunk while the device evaluates the next one. */
  async #evaluateLogits(pass: ClassifierPass, queued: QueuedMath): Promise<void> {
    const { x } = pass;
    const { stopwatch, columns, state } = this.#options;
    const { dim, vocab } = state.config;
    const { arena } = x;
    const xn = this.#chunks[0]!.input.slot('xn');
    const matrix = { from: x.offset, fromStride: columns, to: xn.offset, toStride: xn.stride, rows: dim, columns };
    const written = this.#isExpired ? this.#writeTable().map((each) => queued.add(each)) : [];
    // What everything waits for does not wait in the queue.
    stopwatch.time('hostMath', () => addon.math.toHalf(arena, matrix));
    stopwatch.work.did('convertedElements', (dim + vocab) * columns);
    // All chunks read it where the first one has it.
    const inputs = this.#chunks.map(({ input, logits }) => ({ input, output: logits, parts: [input.part('xn', xn)] }));
    const waits = await this.#start(this.#kernels!.forward, inputs, written);
    const problem = this.#problemOf(pass);
    for (const [index, { first, count: rows, logits }] of this.#chunks.entries()) {
      await waits[index]!();
      const { offset: from, stride: fromStride } = logits.slot('logits');
      queued.add(queue.softmaxChunk(arena, { first, rows, from, fromStride, ...problem }));
    }
  }

  /** Sends evaluations of all chunks, each once its input is written, and lets the device copy that of one while it evaluates the one before. */
  async #start(
    kernel: TimedKernel,
    chunks: readonly { input: SurfaceTensor; output: SurfaceTensor; parts: readonly InputPart[] }[],
    written: readonly Promise<unknown>[],
  ): Promise<(() => Promise<void>)[]> {
    const waits: (() => Promise<void>)[] = [];
    const settle = async (index: number) => {
      if (index < written.length) await this.#options.stopwatch.wait('hostMath', written[index]!);
    };
    await settle(0);
    for (const [index, { input, output, parts }] of chunks.entries()) {
      const next = chunks[index + 1];
      await settle(index + 1);
      if (next !== undefined) kernel.prefetch(next.input, next.parts);
      // The output, too, is copied beside the next evaluation.
      waits.push(await kernel.start(input, output, parts, next === undefined ? undefined : 0));
    }
    return waits;
  }

  #queueLoss(pass: ClassifierPass, queued: QueuedMath): Promise<number> {
    const { gradientScale } = pass;
    return queued.add(queue.softmaxLoss(pass.x.arena, { gradientScale, ...this.#problemOf(pass) }));
  }

  #problemOf({ logits, targets }: ClassifierPass) {
    const { columns, state } = this.#options;
    const { vocab } = state.config;
    const { offset: partials } = this.#partials;
    return { logits: logits.offset, partials, targets: targets.offset, vocab, columns };
  }

  /** Queues the gradients of a chunk's logits. */
  #queueGradients(pass: ClassifierPass, { first, count, input }: Chunk, queued: QueuedMath): Promise<unknown> {
    const problem = this.#problemOf(pass);
    const { gradientScale, logits } = pass;
    this.#options.stopwatch.work.did('convertedElements', count * problem.columns);
    let row = 0;
    const written = this.#programs.parts.flatMap((name) => {
      const slot = input.slot(name);
      const rows = Math.min(slot.rows, count - row);
      const part = { first: first + row, rows, to: slot.offset, toStride: slot.stride };
      row += slot.rows;
      if (rows <= 0) return [];
      return [queue.softmaxGradient(logits.arena, { gradientScale, ...problem, ...part })];
    });
    return queued.add(Promise.all(written));
  }

  /** Adds a chunk's part of dx to those of the chunks before. */
  #addPart(chunk: Chunk, dx: Tensor<'fp32'>): void {
    const { stopwatch, columns, state } = this.#options;
    const { dim: rows } = state.config;
    const { offset: from, stride: fromStride } = chunk.dx.slot('dx');
    const isFirst = chunk.first === 0;
    const to = isFirst ? dx : this.#part!;
    stopwatch.time('hostMath', () => {
      addon.math.toFloat(dx.arena, { from, fromStride, to: to.offset, toStride: columns, rows, columns });
      if (!isFirst) addon.math.add(dx.arena, [to.offset], dx.offset, dx.elements);
    });
    stopwatch.work.did('convertedElements', dx.elements);
    if (!isFirst) stopwatch.work.did('addedElements', dx.elements);
  }

  /** Queues the gradient of the table, fp32 [vocab, dim] at an arena offset, after `lossBackward`: a call for each of its parts. */
  tableGradient({ x, logits }: ClassifierPass, offset: number): (() => Promise<void>)[] {
    const { columns, precision, state } = this.#options;
    const { dim, vocab } = state.config;
    return Array.from({ length: Math.ceil(vocab / TABLE_GRADIENT_ROWS) }, (_, part) => {
      const first = part * TABLE_GRADIENT_ROWS;
      const a = logits.offset + 4 * first * columns;
      const product: OuterProduct = {
        ...{ a, aType: 'fp32', aStride: columns, b: x.offset, bType: 'fp32', bStride: columns },
        ...{ c: offset + 4 * first * dim, m: Math.min(TABLE_GRADIENT_ROWS, vocab - first), n: dim, k: columns },
        ...{ precision, overwrite: true },
      };
      return () => queue.outerProducts(x.arena, [product]);
    });
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#kernels?.forward.dispose(), this.#kernels?.backward?.dispose()]);
  }
}

/** Host math that was queued for one call. */
class QueuedMath {
  readonly #tasks: Promise<unknown>[] = [];

  add<T>(task: Promise<T>): Promise<T> {
    // Whoever waits for it gets the error; until then it must not count as an unhandled rejection.
    task.catch(() => {});
    this.#tasks.push(task);
    return task;
  }

  /** Resolves once all is done. */
  async done(): Promise<void> {
    await Promise.all(this.#tasks);
  }

  /** Resolves once all has ended, so that nobody uses the memory any more. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#tasks);
  }
}
