import { type InputPart, type InputReuse, invalidArgument, type Port } from '@mayfly/native';
import { whole } from '../../check.js';
import type { Arena } from '../../memory/arena.js';
import type { RunOptions } from '../types.js';

const MOST_PARTS = 255;

const count = whole(0);
const leading = whole(0, 65_534);
const generation = whole(0, 2 ** 32 - 1);

/** Checks `options.reuse` for a kernel's first input. Errors: `ERR_INVALID_ARGUMENT`. */
export function reuseOf({ reuse }: RunOptions, input: Port | undefined, arena: Arena): InputReuse | undefined {
  if (reuse === undefined) return undefined;
  if (typeof reuse !== 'object' || reuse === null) throw invalidArgument('reuse', 'an object', reuse);
  count.check('reuse.freshColumns', reuse.freshColumns);
  generation.check('reuse.generation', reuse.generation);
  if (reuse.outputGeneration !== undefined) generation.check('reuse.outputGeneration', reuse.outputGeneration);
  if (reuse.leadingRows !== undefined) leading.check('reuse.leadingRows', reuse.leadingRows);
  if (reuse.parts !== undefined) checkParts(reuse.parts, input, arena);
  return reuse;
}

function checkParts(parts: readonly InputPart[], input: Port | undefined, arena: Arena): void {
  if (!Array.isArray(parts) || parts.length > MOST_PARTS || input === undefined) {
    throw invalidArgument('reuse.parts', `at most ${MOST_PARTS} parts of an input`, parts);
  }
  const stride = input.bytes / input.shape.slice(0, -1).reduce((rows, size) => rows * size, 1);
  for (const { from, fromStride, at, rows, rowBytes } of parts) {
    for (const value of [from, fromStride, at, rows, rowBytes]) count.check('reuse.parts', value);
    const fits = rows > 0 && rowBytes <= Math.min(stride, fromStride) && fromStride < 2 ** 32;
    if (!fits || at + (rows - 1) * stride + rowBytes > input.bytes) {
      throw invalidArgument('reuse.parts', `parts of the ${input.bytes} bytes of ${input.name}`, parts);
    }
    if (from + (rows - 1) * fromStride + rowBytes > arena.bytes) {
      throw invalidArgument('reuse.parts', `parts within the arena's ${arena.bytes} bytes`, parts);
    }
  }
}
