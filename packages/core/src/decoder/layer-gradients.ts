import type { Precision } from '@mayfly/native';
import { blockRank } from '../chips/step-schedule.js';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { ProgramForm } from '../programs/form.js';
import type { ProgramShape } from '../programs/shape.js';
import { addGradients, DeviceGradients, type MadeGradients } from './device-gradients.js';
import type { PassGradients } from './gradient-sums.js';
import type { LayerBlock } from './layer-block.js';
import type { ModelState } from './model-state.js';
import type { Stopwatch } from './stopwatch.js';
import type { Matrix } from './surface.js';
import type { KernelCompiler } from './timed-kernel.js';
import type { Turns } from './turns.js';
import { type WeightGradients, weightGradient } from './weight-gradients.js';

export interface LayerGradientsOptions {
  readonly state: ModelState;
  readonly shape: ProgramShape;
  readonly form: ProgramForm;
  readonly blocks: readonly LayerBlock[];
  /** Whether the host's products of a pass that is not the last of its step are held back. */
  readonly holdsBack: boolean;
  /** Precision of the host's matrix products. */
  readonly precision: Precision;
  /** Null where the model is not trained. */
  readonly tasks: WeightGradients | null;
  readonly stopwatch: Stopwatch;
  /** Of the passes of a step in flight. */
  readonly turns: Turns;
  readonly inFlight: number;
  /** Which of them has these, from 0. */
  readonly runner: number;
}

/** Kernels that make the weight gradients of a block, and have not been waited for. */
interface SentGradients {
  readonly block: LayerBlock;
  readonly wait: () => Promise<void>;
  readonly made: readonly MadeGradients[];
}

/**
 * The weight gradients of the layers' blocks, each as products of the host or as kernels, whose results the host converts and adds. Whichever it is, they are
 * queued in the order in which they were submitted.
 */
export class LayerGradients {
  readonly #options: LayerGradientsOptions;
  /** Null where the host makes all of them. */
  readonly #device: DeviceGradients | null;
  /** A row of ones: the gradient of a vector is a product with it. */
  readonly #ones: Tensor<'fp16'> | null;
  /** In the order in which they were sent. */
  #sent: SentGradients[] = [];
  #queued: Promise<void> | null = null;

  constructor(source: TensorSource, options: LayerGradientsOptions) {
    const { shape, form, blocks, stopwatch, inFlight, runner } = options;
    this.#options = options;
    const places = blocks.map(({ place }) => place);
    const group = inFlight > 1 ? `pass-${runner}` : undefined;
    const device = new DeviceGradients(source, { shape, form, stopwatch, places, group });
    this.#device = device.kernels === 0 ? null : device;
    const hasVectors = places.some(
      ({ isTrained, flow }) => isTrained && flow.parameters.some(({ x }) => x === undefined),
    );
    this.#ones = hasVectors ? source.tensor('fp16', [1, shape.batch * shape.sequence]) : null;
  }

  /** Kernels that `load` compiles. */
  get kernels(): number {
    return this.#device?.kernels ?? 0;
  }

  async load(compiler: KernelCompiler): Promise<void> {
    this.#ones?.set(1);
    await this.#device?.load(compiler);
  }

  /** Resolves once all gradients of the last pass are queued; null where there is nothing to wait for. */
  get queued(): Promise<void> | null {
    return this.#queued;
  }

  /** Waits until nothing of the pass before is under way on the device. */
  async begin(): Promise<void> {
    await this.#queued;
    this.#queued = null;
  }

  /** Kernels that have not been waited for. */
  get sent(): number {
    return this.#sent.length;
  }

  /** Takes a block whose backward pass has ended. */
  async submit(block: LayerBlock, gradients: PassGradients): Promise<void> {
    if (!block.place.isTrained) return;
    const { stopwatch, tasks } = this.#options;
    const device = this.#device;
    if (device === null || device.parametersOf(block).size === 0) {
      // All ranks have one order of gradients, wherever each makes them.
      await this.queueSent(0, gradients);
      await this.#queueInTurn(block, [], gradients);
      return;
    }
    for (const surface of device.next(block)) {
      if (tasks!.has(surface)) await stopwatch.wait('hostThreads', tasks!.settle(surface));
    }
    this.#sent.push({ block, ...(await device.start(block)) });
  }

  /** Waits for kernels, but for the `last` that were sent, and queues what becomes of their results. */
  async queueSent(last: number, gradients: PassGradients): Promise<void> {
    for (let left = this.#sent.length - last; left > 0; left--) {
      const { block, wait, made } = this.#sent[0]!;
      await wait();
      this.#sent.shift();
      await this.#queueInTurn(block, made, gradients);
    }
  }

  /** As `queueSent`, until nothing on the device reads the block's surfaces. */
  async leave(block: LayerBlock, gradients: PassGradients): Promise<void> {
    const later = this.#sent.toReversed().findIndex((each) => each.block === block);
    if (later !== -1) await this.queueSent(later, gradients);
  }

  /** Ends a pass: what is under way on the device goes on while the next one begins, unless nothing or another pass hides the wait. */
  async end(gradients: PassGradients): Promise<void> {
    if (this.#sent.length === 0) return;
    this.#queued = this.#queueRest(gradients);
    // The next pass gets the error; until then it must not count as an unhandled rejection.
    this.#queued.catch(() => {});
    if (gradients.isLast || this.#options.inFlight > 1) await this.begin();
  }

  /** Waits for kernels whose results nobody wants. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#sent.splice(0).map(({ wait }) => wait()));
  }

  async dispose(): Promise<void> {
    await this.#device?.dispose();
  }

  async #queueRest(gradients: PassGradients): Promise<void> {
    try {
      await this.queueSent(0, gradients);
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  async #queueInTurn(block: LayerBlock, made: readonly MadeGradients[], gradients: PassGradients): Promise<void> {
    await this.#options.turns.take(block.key, gradients.index, () => this.#queue(block, made, gradients));
  }

  /** @param made Gradients of matrices that kernels have made: the host makes the others. */
  #queue(block: LayerBlock, made: readonly MadeGradients[], gradients: PassGradients): void {
    const { stopwatch } = this.#options;
    const { layer, flow } = block.place;
    const parameters = made.length === 0 ? null : this.#device!.parametersOf(block);
    stopwatch.time('dispatch', () => {
      this.#queueProducts(block, (parameter) => !parameters?.has(parameter), gradients);
      this.#queueMade(block, made, gradients);
      for (const { parameter } of flow.parameters) gradients.finishProduct(parameter, layer);
    });
  }

  #queueProducts(block: LayerBlock, isOwn: (parameter: string) => boolean, gradients: PassGradients): void {
    const { tasks, precision, stopwatch, blocks, holdsBack } = this.#options;
    const { layer, flow } = block.place;
    const products = flow.parameters
      .filter(({ parameter }) => isOwn(parameter))
      .map(({ parameter, dy, x }) =>
        weightGradient(block.matrix(dy), x === undefined ? this.#onesMatrix() : block.matrix(x), {
          precision,
          ...gradients.product(parameter, layer),
        }),
      );
    stopwatch.work.did('weightGradients', products.length);
    if (products.length === 0) return;
    tasks!.submit(block, products, holdsBack && !gradients.isLast ? blockRank(blocks.indexOf(block)) : 0);
  }

  #queueMade(block: LayerBlock, made: readonly MadeGradients[], gradients: PassGradients): void {
    const { tasks, state } = this.#options;
    const { layer } = block.place;
    const names = new Set(made.flatMap((each) => each.gradients.map(({ parameter }) => parameter)));
    const sums = new Map(
      [...names].map((parameter) => {
        const [, columns = 1] = state.trained.entry(parameter, layer).shape;
        return [parameter, { columns, ...gradients.converted(parameter, layer) }];
      }),
    );
    // Kernels soon need the surfaces: these come before what is held back.
    for (const each of made) {
      tasks!.add(
        each.surface,
        addGradients(state.gradients.arena, each, (parameter) => sums.get(parameter)!),
      );
    }
  }

  #onesMatrix(): Matrix {
    const [, columns = 0] = this.#ones!.shape;
    return { offset: this.#ones!.offset, stride: columns, rows: 1, columns };
  }
}
