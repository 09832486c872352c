import { invalidArgument } from '@mayfly/native';
import { type Rule, rule } from '../check.js';
import type { ModelConfig } from '../model/config.js';
import { adaptLayer } from '../programs/adapters.js';
import { decoderLayerOf, type LayerOptions } from '../programs/layer.js';
import type { LayerWeights } from '../programs/layer-blocks.js';
import type { LayerDefinition } from '../programs/layer-graph.js';
import { type LoraSettings, loraOf } from './lora-options.js';

/** One layer of a decoder; missing fields have the values of the other layers. */
export interface LayerSettings {
  /** Made by `defineLayer`. Default: the decoder's own layer. */
  readonly definition?: LayerDefinition | undefined;
  /** Whether its weights are part of the kernels' input, or constants that every update compiles anew. Default: the option `weights`. */
  readonly weights?: 'dynamic' | 'static' | undefined;
}

/** The layers of a decoder: one definition for all, or a function that is called with each layer's index, from 0. */
export type LayersOption = LayerDefinition | ((layer: number) => LayerSettings);

/** A part that training can leave unchanged: a layer by its index, or parameters outside the layers. */
export type FrozenPart = number | 'embedding' | 'finalNorm' | 'head';

/** A list of parts; as text `0-5,embedding`, in which `0-5` is six layers. */
export const frozenRule: Rule<readonly FrozenPart[]> = rule(
  (value) =>
    Array.isArray(value) && value.every((part) => typeof part === 'string' || Number.isSafeInteger(part))
      ? null
      : 'a list of layers, embedding, finalNorm and head',
  (given) => given.split(',').flatMap((part) => layersIn(part.trim())),
);

/** Layers beyond this are no layers of any model. */
const MOST_LAYERS = 2 ** 14;

function layersIn(text: string): (number | string)[] {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (first === undefined || Number(last) >= MOST_LAYERS) return [text];
  const count = Number(last) - Number(first) + 1;
  return count < 1 ? [text] : Array.from({ length: count }, (_, index) => Number(first) + index);
}

/** One layer, with everything decided. */
export interface LayerPlan {
  readonly definition: LayerDefinition;
  readonly weights: LayerWeights;
}

/** With adapters, static weights are those that never change. */
export const strategyOf = ({ base }: LayerDefinition, weights: 'dynamic' | 'static'): LayerWeights =>
  base !== undefined && weights === 'static' ? 'adapters' : weights;

/** @throws `ERR_INVALID_ARGUMENT` for invalid settings. */
export function planLayers(
  config: Pick<ModelConfig, 'layers'> & LayerOptions,
  weights: 'dynamic' | 'static',
  option: LayersOption = (layer) => ({ definition: decoderLayerOf(config, layer) }),
  lora?: LoraSettings,
): LayerPlan[] {
  const settingsOf = typeof option === 'function' ? option : (): LayerSettings => ({ definition: option });
  return Array.from({ length: config.layers }, (_, layer) => {
    const settings = settingsOf(layer) ?? {};
    const own = settings.definition ?? decoderLayerOf(config, layer);
    const kind = settings.weights ?? weights;
    if (!Array.isArray(own.blocks)) {
      throw invalidArgument(`the definition of layer ${layer}`, 'one that defineLayer made', own);
    }
    if (kind !== 'dynamic' && kind !== 'static') {
      throw invalidArgument(`the weights of layer ${layer}`, 'dynamic or static', kind);
    }
    const definition = lora === undefined ? own : adapted(own, lora);
    return { definition, weights: strategyOf(definition, kind) };
  });
}

const known = new WeakMap<LayerDefinition, Map<string, LayerDefinition>>();

/** The layer with adapters: the same object for the same settings. */
function adapted(base: LayerDefinition, settings: LoraSettings): LayerDefinition {
  const key = JSON.stringify(settings);
  const made = known.get(base) ?? new Map<string, LayerDefinition>();
  const layer = made.get(key) ?? adaptLayer(base, loraOf(base, settings));
  known.set(base, made.set(key, layer));
  return layer;
}

/** The names of the layers' definitions; null where all are the decoder's own. */
export function definitionNames(plans: readonly LayerPlan[], config: LayerOptions): string[] | null {
  return plans.every(({ definition }, layer) => (definition.base ?? definition) === decoderLayerOf(config, layer))
    ? null
    : plans.map(({ definition }) => definition.name);
}

/** @throws `ERR_INVALID_ARGUMENT` for a part that the model does not have, and where nothing is left to train. */
export function checkFrozen({ layers, tiedHead }: ModelConfig, frozen: readonly FrozenPart[]): void {
  const parts: readonly FrozenPart[] = [
    'embedding',
    'finalNorm',
    ...(tiedHead ? [] : (['head'] as const)),
    ...Array.from({ length: layers }, (_, layer) => layer),
  ];
  const unknown = frozen.find((part) => !parts.includes(part));
  if (unknown !== undefined) {
    const head = tiedHead ? ' (the head is the embedding)' : ', head';
    throw invalidArgument('freeze', `layers from 0 to ${layers - 1}, embedding, finalNorm${head}`, unknown);
  }
  if (parts.every((part) => frozen.includes(part)))
    throw invalidArgument('freeze', 'a part less than the model', 'all of it');
}
