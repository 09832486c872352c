import { adapterBlocks, dynamicBlocks } from './dynamic.js';
import type { ProgramForm } from './form.js';
import type { BlockPrograms } from './layer.js';
import type { LayerDefinition } from './layer-graph.js';
import type { LayerProgram, ProgramShape } from './shape.js';
import { staticBlocks } from './static.js';

/**
 * How weights reach the programs of a layer: packed in their input, or as constants. With `adapters` the adapters are packed, and
 * all that never changes is constant.
 */
export type LayerWeights = 'dynamic' | 'static' | 'adapters';

const write = { dynamic: dynamicBlocks, static: staticBlocks, adapters: adapterBlocks };

/** The programs of a layer in one weight strategy. */
export const layerBlocks = (
  weights: LayerWeights,
  layer: LayerDefinition,
  shape: ProgramShape,
  form: ProgramForm,
): readonly BlockPrograms<LayerProgram>[] => write[weights](layer, shape, form);
