import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { CompactVocabulary } from '../model/compact-vocabulary.js';
import type { ModelConfig } from '../model/config.js';
import { type ParameterEntry, ParameterLayout } from '../model/parameters.js';
import { type ShardPlace, Shards } from '../model/shards.js';
import { CompactParameters } from './compact-parameters.js';
import type { FrozenPart, LayerPlan } from './layer-plan.js';
import { type ParameterRules, type UpdateRule, updateRules } from './parameter-groups.js';

/** As long as the pieces in which checkpoints are read. */
const TRANSFER_BYTES = 2 ** 22;

/**
 * A model's fp32 masters in the arena and, for training, what the optimizer keeps beside them: blocks of one layout, without what is
 * frozen.
 */
export class ModelState {
  /** Where parameters lie. */
  readonly layout: ParameterLayout;
  /** Where gradients lie, and first moments where one process has all: those of the parameters that are updated. */
  readonly trained: ParameterLayout;
  /** How each of these is updated. */
  readonly updates: ReadonlyMap<ParameterEntry, UpdateRule>;
  /** Where second moments lie where one process has all: those of the parameters that AdamW updates. */
  readonly adapted: ParameterLayout;
  /** Which rank has a tensor's moments, and updates it; null where this process has all. */
  readonly shards: Shards | null;
  /** Where the moments lie that this process has. */
  readonly own: { readonly trained: ParameterLayout; readonly adapted: ParameterLayout };
  readonly parameters: Tensor<'fp32'>;
  /** The following have no elements where the model is not trained. */
  readonly gradients: Tensor<'fp32'>;
  readonly firstMoments: Tensor<'fp32'>;
  readonly secondMoments: Tensor<'fp32'>;
  /** Takes a piece of the moments of another rank, as a checkpoint is read by; null where this process has all. */
  readonly transfer: Tensor<'fp32'> | null;
  /** How they are a part of the whole model's; null where they are the whole. */
  readonly compact: CompactParameters | null;
  readonly #frozen: ReadonlySet<FrozenPart>;

  constructor(
    source: TensorSource,
    readonly config: ModelConfig,
    /** Whether the model is trained. */
    readonly training: boolean,
    plans: readonly LayerPlan[],
    frozen: readonly FrozenPart[] = [],
    rules: ParameterRules = {},
    /** Its vocabulary as a part of the whole model's. */
    vocabulary?: CompactVocabulary,
    /** This process among those that share the moments. */
    place?: ShardPlace,
  ) {
    const specs = plans.map(({ definition }) => definition.parameters(config));
    const specsOf = (layer: number) => specs[layer]!;
    this.#frozen = new Set(frozen);
    this.layout = new ParameterLayout(config, specsOf);
    const hasAdapters = specs.map((each) => Object.values(each).some(({ adapter }) => adapter !== undefined));
    // Where a layer has adapters, nothing else of it is trained.
    const isFrozen = (name: string, layer: number) =>
      hasAdapters[layer] === true && specs[layer]![name]!.adapter === undefined;
    this.trained = new ParameterLayout(
      config,
      specsOf,
      (name, layer) => this.isTrained(partOf({ name, layer })) && !isFrozen(name, layer),
    );
    this.updates = updateRules(this.trained, rules);
    const takesAdamw = (name: string, layer: number) => {
      const entry = this.trained.find(name, layer);
      return entry !== undefined && this.updates.get(entry)!.optimizer === 'adamw';
    };
    this.adapted = new ParameterLayout(config, specsOf, takesAdamw);
    const shards = place === undefined ? null : new Shards(this.trained.entries, place);
    this.shards = shards;
    const ownPart = (whole: ParameterLayout) =>
      shards === null
        ? whole
        : new ParameterLayout(
            config,
            specsOf,
            (name, layer) => whole.find(name, layer) !== undefined && shards.owns({ name, layer }),
          );
    this.own = { trained: ownPart(this.trained), adapted: ownPart(this.adapted) };
    const block = (count: number) => source.tensor('fp32', [count]);
    this.parameters = block(this.layout.count);
    this.compact = vocabulary ? new CompactParameters(source, vocabulary, this.layout, this.parameters, specsOf) : null;
    this.gradients = block(this.trained.count);
    this.firstMoments = block(this.own.trained.count);
    this.secondMoments = block(this.own.adapted.count);
    this.transfer = shards && block(Math.min(this.trained.count, TRANSFER_BYTES / 4));
  }

  /** The shape of the whole model. */
  get wholeConfig(): ModelConfig {
    return this.compact?.layout.config ?? this.config;
  }

  /** Whether a layer's parameters, or one outside the layers, are updated. A tied `head` is the embedding. */
  isTrained(part: FrozenPart): boolean {
    const own = part === 'head' && this.config.tiedHead ? 'embedding' : part;
    return this.training && !this.#frozen.has(own);
  }

  /** Whether one parameter of a layer is updated. */
  isUpdated(name: string, layer: number): boolean {
    return this.trained.find(name, layer) !== undefined;
  }

  /** Whether AdamW updates a parameter. */
  isAdapted(name: string, layer = -1): boolean {
    return this.adapted.find(name, layer) !== undefined;
  }

  /** Arena offset of a parameter. */
  parameter(name: string, layer = -1): number {
    return offsetIn(this.parameters, this.layout.entry(name, layer));
  }
}

/** The part of the model that a parameter belongs to. */
export const partOf = ({ name, layer }: Pick<ParameterEntry, 'name' | 'layer'>): FrozenPart =>
  layer < 0 ? (name as FrozenPart) : layer;

/** Arena offset of an entry in one of the flat blocks. */
export const offsetIn = (block: Tensor<'fp32'>, entry: Pick<ParameterEntry, 'offset'>): number =>
  block.offset + 4 * entry.offset;
