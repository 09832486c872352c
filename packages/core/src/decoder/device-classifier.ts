import { addon, type OuterProduct, type Precision } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import { type ClassifierPrograms, classifierPrograms, TABLE_GRADIENT_ROWS } from '../programs/classifier.js';
import type { ProgramForm } from '../programs/form.js';
import type { ModelState } from './model-state.js';
import type { Stopwatch } from './stopwatch.js';
import { SurfaceTensor } from './surface.js';
import { type KernelCompiler, TimedKernel } from './timed-kernel.js';

const { mathQueue: queue } = addon;

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
  /** Written by `loss`: the gradients of the logits, fp32 [vocab, columns]. */
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
  #isExpired = false;
  #kernels: { readonly forward: TimedKernel; readonly backward: TimedKernel | null } | null = null;

  constructor(source: TensorSource, options: DeviceClassifierOptions) {
    const { state, columns, form } = options;
    const { dim, vocab } = state.config;
    const programs = classifierPrograms({ dim, vocab, columns }, form);
    this.#options = options;
    this.#programs = programs;
    this.#part = state.training ? source.tensor('fp32', [dim, columns]) : null;
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
    await this.#refresh();
    const compile = async (pass: 'forward' | 'backward') => {
      const { program } = this.#programs[pass];
      const name = `classifier${pass === 'forward' ? 'Forward' : 'Backward'}`;
      return new TimedKernel(await compiler.compile({ name, text: program.text, weights: {} }), stopwatch);
    };
    this.#kernels = { forward: await compile('forward'), backward: state.training ? await compile('backward') : null };
    this.#prefetch();
  }

  /** The table that the kernels read is not the newest any more: the next `loss` writes it anew. */
  expire(): void {
    this.#isExpired = true;
  }

  async #refresh(): Promise<void> {
    this.#isExpired = false;
    const { state, stopwatch } = this.#options;
    const { arena } = state.parameters;
    const { dim, vocab } = state.config;
    const writes = this.#chunks.map(({ first, count, input }) => {
      const to = input.slot('table');
      const from = state.parameter('head') + 4 * first * dim;
      const matrix = { from, fromStride: dim, to: to.offset, toStride: to.stride, rows: count, columns: dim };
      return queue.toHalf(arena, { ...matrix, transpose: true });
    });
    await stopwatch.wait('hostMath', Promise.all(writes));
    stopwatch.work.did('convertedElements', vocab * dim);
    for (const { input } of this.#chunks) input.rewrittenFrom(this.#programs.freshColumns);
    this.#prefetch();
  }

  /** Lets the device copy the table, a chunk while it evaluates the one before. */
  #prefetch(): void {
    for (const { input } of this.#chunks) {
      this.#kernels?.forward.prefetch(input);
      this.#kernels?.backward?.prefetch(input);
    }
  }

  /** Sum of −log p(target) over the columns that count, and the gradients of the logits. No update of the table may be under way. */
  async loss({ x, targets, logits: all, gradientScale }: ClassifierPass): Promise<number> {
    const { stopwatch, columns, state } = this.#options;
    const { dim, vocab } = state.config;
    const { arena } = x;
    if (this.#isExpired) await this.#refresh();
    const given = this.#chunks.map(({ input }) => {
      const to = input.slot('xn');
      const matrix = { from: x.offset, fromStride: columns, to: to.offset, toStride: to.stride };
      return queue.toHalf(arena, { ...matrix, rows: dim, columns });
    });
    await stopwatch.wait('hostMath', Promise.all(given));
    await this.#runAll((chunk) =>
      this.#kernels!.forward.start(chunk.input, chunk.logits, partsOf(chunk.input, ['xn'])),
    );
    const converted = this.#chunks.map(({ first, count, logits }) => {
      const { offset, stride } = logits.slot('logits');
      const to = all.offset + 4 * first * columns;
      return queue.toFloat(arena, { from: offset, fromStride: stride, to, toStride: columns, rows: count, columns });
    });
    const losing = queue.softmaxLoss(arena, {
      ...{ logits: all.offset, targets: targets.offset, vocab, columns, gradientScale },
    });
    stopwatch.work.did('convertedElements', (this.#chunks.length * dim + vocab) * columns);
    const [loss] = await stopwatch.wait('hostMath', Promise.all([losing, ...converted]));
    return loss;
  }

  /** Writes dx, fp32 [dim, columns], after `loss`. */
  async backward({ logits }: ClassifierPass, dx: Tensor<'fp32'>): Promise<void> {
    const { stopwatch, columns, state } = this.#options;
    const { dim, vocab } = state.config;
    const { arena } = dx;
    const { parts } = this.#programs;
    const given = this.#chunks.flatMap(({ first, count, input }) => {
      let row = 0;
      return parts.flatMap((name) => {
        const slot = input.slot(name);
        const rows = Math.min(slot.rows, count - row);
        const from = logits.offset + 4 * (first + row) * columns;
        row += slot.rows;
        if (rows <= 0) return [];
        const matrix = { from, fromStride: columns, to: slot.offset, toStride: slot.stride };
        return [queue.toHalf(arena, { ...matrix, rows, columns })];
      });
    });
    await stopwatch.wait('hostMath', Promise.all(given));
    await this.#runAll((chunk) => this.#kernels!.backward!.start(chunk.input, chunk.dx, partsOf(chunk.input, parts)));
    const sums = this.#chunks.flatMap((chunk, index) => {
      const { offset, stride } = chunk.dx.slot('dx');
      const to = index === 0 ? dx : this.#part!;
      const matrix = { from: offset, fromStride: stride, to: to.offset, toStride: columns, rows: dim, columns };
      return [
        queue.toFloat(arena, matrix),
        ...(index === 0 ? [] : [queue.add(arena, [this.#part!.offset], dx.offset, dx.elements)]),
      ];
    });
    stopwatch.work.did('convertedElements', (this.#chunks.length * dim + vocab) * columns);
    stopwatch.work.did('addedElements', (this.#chunks.length - 1) * dx.elements);
    await stopwatch.wait('hostMath', Promise.all(sums));
  }

  /** Queues the gradient of the table, fp32 [vocab, dim] at an arena offset, after `loss`: a call for each of its parts. */
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

  /** Sends an evaluation for every chunk, then waits for all. */
  async #runAll(start: (chunk: Chunk) => Promise<() => Promise<void>>): Promise<void> {
    const waits: (() => Promise<void>)[] = [];
    for (const chunk of this.#chunks) waits.push(await start(chunk));
    for (const wait of waits) await wait();
  }
}

/** Matrices of an input, where they are. */
const partsOf = (input: SurfaceTensor, names: readonly string[]) =>
  names.map((name) => input.part(name, input.slot(name)));
