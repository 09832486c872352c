import { invalidArgument, MayflyError } from '@mayfly/native';
import { DOCUMENTS } from '../programs/layer.js';
import { blockFlow } from '../programs/stages.js';
import type { LayerPlan } from './layer-plan.js';
import type { Layers } from './layers.js';

/** Whole numbers from −2048 to 2048 are exact in fp16. */
const MOST_DOCUMENTS = 4097;

/** @throws `ERR_INVALID_ARGUMENT` for layers of your own that have no document masks. */
export function checkDocumentMasks(plans: readonly LayerPlan[]): void {
  const without = plans.find(
    ({ definition }) => !definition.blocks.some((block) => DOCUMENTS in blockFlow(block).given),
  );
  if (without === undefined) return;
  const expected = `layers that are given ${DOCUMENTS}, such as those of decoderLayerOf({ documentMask: true })`;
  throw invalidArgument('documentMask', expected, without.definition.name);
}

/** Whether the layers have document masks. */
export const haveDocumentMasks = ({ blocks }: Layers): boolean => blocks.some(({ given }) => given.has(DOCUMENTS));

/**
 * Tells layers with document masks the documents of the next pass.
 *
 * @param documents The number of each token's document within its window, from 0, window after window; missing ones count as 0. Default:
 * each window is one document.
 * @throws `ERR_DATA_FORMAT` for a window of more documents than fp16 has numbers for.
 */
export function writeDocuments({ blocks, shape, columns }: Layers, documents: ArrayLike<number> = []): void {
  const { sequence } = shape;
  const row = new Float32Array(columns);
  for (let start = 0; start < documents.length; start += sequence) {
    const window = Array.prototype.slice.call(documents, start, start + sequence) as number[];
    const last = window.at(-1)!;
    if (last >= MOST_DOCUMENTS) {
      throw new MayflyError(
        'ERR_DATA_FORMAT',
        `Expected at most ${MOST_DOCUMENTS} documents in a window for --document-mask, got ${last + 1}`,
      );
    }
    for (const [index, document] of window.entries()) row[start + index] = document - (last >> 1);
  }
  for (const { given } of blocks) given.get(DOCUMENTS)?.tensor.set(row);
}
