import { addon, type Precision } from '@mayfly/native';
import { holdsBack } from '../chips/step-schedule.js';
import type { Collective } from '../collective/collective.js';
import { ArenaMeter, type TensorSource } from '../memory/scope.js';
import type { CompactVocabulary } from '../model/compact-vocabulary.js';
import type { ModelConfig } from '../model/config.js';
import type { ShardPlace } from '../model/shards.js';
import type { ProgramForm } from '../programs/form.js';
import type { ProgramShape } from '../programs/shape.js';
import { DeviceClassifier } from './device-classifier.js';
import { haveDocumentMasks } from './document-masks.js';
import { Dropout } from './dropout.js';
import { ExpectedTokens } from './expected-tokens.js';
import { GradientExchange } from './gradient-exchange.js';
import { GradientSums } from './gradient-sums.js';
import type { Head } from './head.js';
import { type FrozenPart, type LayersOption, planLayers } from './layer-plan.js';
import { Layers, type LayersOptions } from './layers.js';
import type { LoraSettings } from './lora-options.js';
import { ModelState } from './model-state.js';
import type { TableRows, UpdatedLayers, UpdatedPart, WeightSlot } from './optimizer.js';
import type { ParameterRules } from './parameter-groups.js';
import { type ForwardOptions, PassRunner } from './pass-runner.js';
import { PendingTasks } from './pending-tasks.js';
import { Stopwatch } from './stopwatch.js';
import type { Tap } from './tap.js';
import type { KernelCompiler } from './timed-kernel.js';
import { Turns } from './turns.js';
import { WeightGradients } from './weight-gradients.js';

/** Options of a decoder. */
export interface DecoderOptions {
  readonly config: ModelConfig;
  /** Windows per pass. */
  readonly batch: number;
  /** Tokens per window. */
  readonly sequence: number;
  readonly weights: 'dynamic' | 'static';
  /** The definition of each layer. Default: the decoder's own, with `weights`. */
  readonly layers?: LayersOption | undefined;
  /** Adapters of the layers, which are then trained alone. Default: none. */
  readonly lora?: LoraSettings | undefined;
  /** Whether attention stays within the documents of a window. Default false. */
  readonly documentMask?: boolean | undefined;
  /** Of the masks of dropout. Default 0. */
  readonly seed?: number | undefined;
  /** Parts that are not trained. Default: none. */
  readonly freeze?: readonly FrozenPart[] | undefined;
  /** How its parameters are updated. Default: all by AdamW. */
  readonly rules?: ParameterRules | undefined;
  /** How its programs are written. Default: as most chips take them. */
  readonly form?: ProgramForm;
  /** Where the layers' surfaces come from. Default: where everything comes from. */
  readonly layersSource?: TensorSource | undefined;
  /** The vocabulary that `config` counts as a part of the whole model's, whose ids the decoder then takes. Default: the whole. */
  readonly vocabulary?: CompactVocabulary | undefined;
  /** Precision of the host's matrix products. Default `exact`. */
  readonly precision?: Precision | undefined;
  /** Whether the backward pass runs forward programs again, whose outputs then need less memory. Default false. */
  readonly recompute?: boolean | undefined;
  /** Passes whose gradients are summed into one step. Default 1. */
  readonly passes?: number | undefined;
  /** Passes of a step that run at the same time, each in memory of its own. Default 1. */
  readonly inFlight?: number | undefined;
  /** Whether the model is trained. Default false. */
  readonly training?: boolean | undefined;
  /** The ranks over which gradients are summed. Default: none but this process. */
  readonly collective?: Collective | undefined;
  /** This process among those that share the optimizer's state. Default: it has all of it. */
  readonly shards?: ShardPlace | undefined;
  /** Threads that compute weight gradients while kernels run; 0 computes them on the calling thread. Default 1. */
  readonly hostThreads?: number | undefined;
}

/** A model laid out in an arena with everything that runs it: parameters, layers, and the passes through them. */
export class Decoder implements UpdatedLayers {
  readonly state: ModelState;
  /** As many as there are passes in flight, at least one: what is no training runs on the first. */
  readonly runners: readonly PassRunner[];
  readonly weightGradients: WeightGradients | null;
  readonly gradientSums: GradientSums | null;
  /** Null where there are no other ranks. */
  readonly exchange: GradientExchange | null;
  /** Updates under way, by part of the model. A pass settles the parts that it reads; other readers and writers of parameters settle them first. */
  readonly updates = new PendingTasks<UpdatedPart>();
  readonly stopwatch = new Stopwatch();
  /** Of the passes of a step in flight. */
  readonly turns = new Turns();
  /** Of the host's matrix products. */
  readonly precision: Precision;
  /** Null where an update has the embedding's table as one part. */
  readonly #expected: ExpectedTokens | null;
  #classifier: DeviceClassifier | null;
  readonly #layersOptions: Omit<LayersOptions, 'source' | 'form'>;

  /** Takes all the memory it will ever need. The caller fills in the parameters before `load`. */
  constructor(source: TensorSource, options: DecoderOptions) {
    const { config, batch, sequence, weights, form = {}, precision = 'exact', passes = 1, inFlight = 1 } = options;
    const { training = false, hostThreads = 1, recompute = false, documentMask } = options;
    const { stopwatch, updates, turns } = this;
    this.precision = precision;
    const plans = planLayers({ ...config, documentMask }, weights, options.layers, options.lora);
    this.state = new ModelState(
      source,
      config,
      training,
      plans,
      options.freeze,
      options.rules,
      options.vocabulary,
      options.shards,
    );
    this.weightGradients = training ? new WeightGradients(this.state.parameters.arena, hostThreads) : null;
    const shape: ProgramShape = { ...config, batch, sequence };
    const { state, weightGradients } = this;
    const isHeldBack = training && holdsBack({ passes, recompute, inFlight });
    const shared = { state, precision, updates, stopwatch, turns, weightGradients, holdsBack: isHeldBack };
    this.#layersOptions = { ...shared, shape, plans, recompute, inFlight };
    const layers = this.#writeLayers(options.layersSource ?? source, form, inFlight);
    const { columns } = layers[0]!;
    const classifier =
      form.classifier === 'device'
        ? new DeviceClassifier(source, { state, columns, form, precision, stopwatch })
        : null;
    this.#classifier = classifier;
    const { collective } = options;
    const hasOthers = training && collective !== undefined && collective.size > 1;
    this.exchange = hasOthers ? new GradientExchange(state, collective) : null;
    const sums = training ? new GradientSums(source, state, passes, stopwatch.work, this.exchange, inFlight) : null;
    this.gradientSums = sums;
    const expected = state.isAdapted('embedding') ? new ExpectedTokens(source, columns, inFlight) : null;
    this.#expected = expected;
    const { dropout: rate = 0 } = options.lora ?? {};
    this.runners = layers.map((own) => {
      const dropout = rate > 0 ? new Dropout(rate, options.seed ?? 0) : null;
      return new PassRunner(source, own, { ...shared, inFlight, expected, classifier, dropout, sums });
    });
  }

  /** Kernels that `load` compiles. */
  get kernels(): number {
    const layers = this.runners.reduce((sum, each) => sum + each.layers.kernels, 0);
    return layers + (this.#classifier?.kernels ?? 0);
  }

  /** Whether attention stays within the documents that `forward` is told. */
  get hasDocumentMasks(): boolean {
    return haveDocumentMasks(this.layers);
  }

  /** Those of the first pass in flight. */
  get layers(): Layers {
    return this.#first.layers;
  }

  /** Where an update writes a layer's parameters as fp16 in passing. */
  weightSlots(layer: number): ReadonlyMap<string, WeightSlot> {
    return this.layers.weightSlots(layer);
  }

  async restage(layer: number, updated: Promise<unknown>): Promise<void> {
    await Promise.all(this.runners.map(({ layers }) => layers.restage(layer, updated)));
  }

  /** Waits until the kernels of forward passes that run by themselves have the weights of the last update, whose tasks have to be settled. */
  async settleForward(): Promise<void> {
    await Promise.all(this.layers.blocks.flatMap(({ kernels }) => kernels.forward.map((kernel) => kernel.settle())));
  }

  /** As `Layers.tap`: the values are those of the last pass of a step, whichever of those in flight that is. */
  tap(layer: number, name: string): Tap {
    const tap = this.layers.tap(layer, name);
    for (const { layers } of this.runners.slice(1)) layers.follow(tap);
    return tap;
  }

  /** Replaces the adapters of all layers, in memory and where kernels read them. */
  async setAdapters(values: Float32Array): Promise<void> {
    const { parameters, layout } = this.state;
    await this.updates.settleAll();
    parameters.array().set(values, layout.baseCount);
    for (const { layers } of this.runners) await layers.rewrite();
  }

  /** Unloads the layers' kernels when nothing uses their tensors any more. */
  async clearLayers(): Promise<void> {
    await this.weightGradients?.settleAll();
    await this.updates.settleAll();
    await this.dispose();
  }

  /**
   * Lays the layers out anew, with programs in another form. They have to be loaded; those before have to be cleared. The classifier's
   * products can move to the host, and not back.
   */
  writeLayers(source: TensorSource, form: ProgramForm): void {
    const layers = this.#writeLayers(source, form, this.runners.length);
    for (const [index, runner] of this.runners.entries()) runner.layers = layers[index]!;
    if (form.classifier === 'device') return;
    this.#classifier = null;
    for (const { head } of this.runners) head.leaveDevice();
  }

  #writeLayers(source: TensorSource, form: ProgramForm, inFlight: number): Layers[] {
    const written: Layers[] = [];
    for (let runner = 0; runner < inFlight; runner++) {
      written.push(new Layers({ ...this.#layersOptions, source, form, runner, like: written[0] }));
    }
    return written;
  }

  get #first(): PassRunner {
    return this.runners[0]!;
  }

  get #head(): Head {
    return this.#first.head;
  }

  /** Compiles the kernels with the parameters as they are. */
  load(compiler: KernelCompiler): Promise<void> {
    return this.stopwatch.wait('compile', this.#load(compiler));
  }

  async #load(compiler: KernelCompiler): Promise<void> {
    const loaded = await Promise.allSettled(this.runners.map(({ layers }) => layers.load(compiler)));
    for (const each of loaded) if (each.status === 'rejected') throw each.reason;
    await this.#classifier?.load(compiler);
  }

  /** Notes that an update of the classifier's table is under way: kernels get it when a pass next reads it. */
  updatesTable(): void {
    if (this.state.isTrained('head')) this.#classifier?.expire();
  }

  /**
   * Notes the tokens of the next passes, as many as are in flight or fewer, and says which rows of the embedding's table an update should
   * therefore begin with; null for all.
   */
  expectTokens(passes: readonly ArrayLike<number>[]): TableRows | null {
    if (this.#expected === null) return null;
    for (const [pass, tokens] of passes.entries()) this.#head.expectTokens(pass, tokens);
    return this.#expected.take(passes.length);
  }

  /**
   * From token ids to the normalized output of the last layer. Takes at most `columns` ids, window after window; missing ids count as
   * 0, and causal attention hides them from earlier ones.
   */
  forward(tokens: ArrayLike<number>, options?: ForwardOptions): Promise<void> {
    return this.#first.forward(tokens, options);
  }

  /**
   * From the loss back to every parameter's gradient. Must follow the forward pass of the same tokens, with a target (or −1)
   * for every column. Gives pass `pass` of its step, from 0, `gradientScale` times the gradient of the summed cross-entropy. Returns that
   * sum, unscaled. Gradients may still be under way afterwards: settle `weightGradients`, and wait for the norm of `gradientSums` after the last
   * pass, before they are read.
   */
  backward(targets: ArrayLike<number>, gradientScale: number, pass = 0): Promise<number> {
    return this.#first.backward(targets, gradientScale, pass);
  }

  /** Sum of −log p(target) over the first `targets.length` columns of the last forward pass, without ignored targets (−1). */
  crossEntropy(targets: ArrayLike<number>): Promise<number> {
    return this.#head.crossEntropy(targets);
  }

  /** As `crossEntropy`, and the same over all ids of the whole vocabulary. */
  wholeCrossEntropy(targets: ArrayLike<number>): Promise<{ readonly own: number; readonly whole: number }> {
    return this.#head.wholeCrossEntropy(targets);
  }

  /** Logits of the token after column `column` of the last forward pass, of the model's own vocabulary; the next call writes the same array. */
  logits(column: number): Promise<Float32Array> {
    return this.#head.logits(column);
  }

  /**
   * Runs the tokens of the last pass again, or of the last passes in flight, to find the first block of a layer that puts out infinities or NaN, e.g.
   * `layer-3.feedForward (gate)`; null where no layer does.
   */
  async findOverflow(): Promise<string | null> {
    for (const runner of this.runners) {
      const found = await runner.findOverflow();
      if (found !== null) return found;
    }
    return null;
  }

  /** Unloads the kernels once no queued host math uses the tensors any more, which belong to their source. */
  async dispose(): Promise<void> {
    await Promise.allSettled(this.runners.map(({ layers }) => layers.gradientsQueued));
    await this.weightGradients?.settleAll().catch(() => {});
    // Once the queue has written these no bytes, all before of this rank is done. The arena may be closed already.
    await addon.mathQueue.zero(this.state.parameters.arena, 0, 0).catch(() => {});
    await this.exchange?.settle();
    await this.updates.settleAll().catch(() => {});
    await Promise.all(this.runners.map(({ layers }) => layers.dispose()));
    await this.#classifier?.dispose();
  }
}

/** Bytes of an arena that holds a decoder, exactly. */
export const arenaBytesFor = (options: DecoderOptions): number => measureDecoder(options).bytes;

/** What a decoder needs: bytes of an arena, exactly, and kernels. */
export function measureDecoder(options: DecoderOptions): { readonly bytes: number; readonly kernels: number } {
  const meter = new ArenaMeter();
  try {
    const { kernels } = new Decoder(meter, options);
    return { bytes: meter.bytes, kernels };
  } finally {
    meter.close();
  }
}
