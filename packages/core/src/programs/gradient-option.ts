import { invalidArgument } from '@mayfly/native';
import { rule, type SimpleRule } from '../check.js';
import type { Block } from './layer-graph.js';
import { blockFlow } from './stages.js';
import { matrixGradients } from './weight-gradients.js';

/** `host`, `device`, or names of blocks whose weight gradients are made on the device; another word where a caller has one. */
export const gradientsRule: SimpleRule<string> = rule(
  (value) =>
    typeof value === 'string' && /^[\w-]+(,[\w-]+)*$/.test(value)
      ? null
      : 'host, device, or the blocks of the device, such as feedForward',
  String,
);

/** Names of the blocks that have weight gradients. */
export const blocksWithGradients = (blocks: readonly Block[]): string[] => {
  const found = blocks.filter((block) => matrixGradients(blockFlow(block).parameters).length > 0);
  return [...new Set(found.map(({ name }) => name))];
};

/**
 * Names of the blocks whose weight gradients an option places on the device.
 *
 * @throws `ERR_INVALID_ARGUMENT` for a block that no layer has.
 */
export function blocksOnDevice(option: string, blocks: readonly Block[]): string[] {
  const known = blocksWithGradients(blocks);
  if (option === 'host') return [];
  if (option === 'device') return known;
  const named = option.split(',');
  const unknown = named.find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalidArgument('weightGradients', ['host', 'device', ...known].join(', '), unknown);
  return known.filter((name) => named.includes(name));
}

/** The options for layers of these blocks: on the host, each kind of block on the device, all on the device. */
export function gradientPlaces(blocks: readonly Block[]): string[] {
  const known = blocksWithGradients(blocks);
  return ['host', ...(known.length > 1 ? known : []), ...(known.length > 0 ? ['device'] : [])];
}
