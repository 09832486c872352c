/**
 * `@mayfly/core/layers`: layers of your own, from operations to a check of their gradients.
 *
 * @module
 */

export { type CheckLayerOptions, checkLayer, type LayerCheck } from './decoder/check-layer.js';
export type { FrozenPart, LayerSettings, LayersOption } from './decoder/layer-plan.js';
export type { Tap } from './decoder/tap.js';
export type { Lora } from './model/adapters.js';
export type { ParameterSpec, ParameterSpecs } from './model/parameters.js';
export { adaptLayer } from './programs/adapters.js';
export { attentionMix, attentionProbabilities } from './programs/attention.js';
export type { Continuation, Positions } from './programs/continuation.js';
export { defineLayer, defineOperation, type OperationDefinition } from './programs/define-layer.js';
export type { ProgramForm } from './programs/form.js';
export { decoderLayer, decoderLayerOf, type LayerOptions, project, sum, swiGlu } from './programs/layer.js';
export type {
  Block,
  LayerDefinition,
  LayerWriter,
  Operation,
  ParameterGradient,
  Values,
} from './programs/layer-graph.js';
export { normalizeHeads } from './programs/qk-norm.js';
export { rotate } from './programs/rotary.js';
export type { ProgramShape } from './programs/shape.js';
export type { Cut, Variant } from './programs/variant.js';
