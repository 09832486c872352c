import { setImmediate } from 'node:timers/promises';
import { invalidArgument } from '@mayfly/native';
import { seededRandom } from '../data/seeded-random.js';
import { type ParameterTarget, PIECE_ELEMENTS, sinkOf } from './parameter-pieces.js';
import type { ParameterLayout } from './parameters.js';

/** Standard deviation of embeddings and matrices, as GPT-2 and llama2.c have it. */
const DEVIATION = 0.02;

/**
 * Fills the flat block: norms and other vectors their `initial`, 1 by default, matrices and embeddings normal(0, 0.02), those that write to the residual stream scaled by
 * 1/√(2·layers) (Radford et al. 2019), so that its variance does not grow with depth.
 *
 * @param target A flat block has `layout.count` elements.
 * @param seed The same seed gives the same bits on every machine.
 */
export async function initializeParameters(
  layout: ParameterLayout,
  target: ParameterTarget,
  seed: number,
): Promise<void> {
  if (typeof target !== 'function' && target.length !== layout.count)
    throw invalidArgument('target.length', String(layout.count), target.length);
  const random = seededRandom(seed, 'initialization');
  const residualDeviation = DEVIATION / Math.sqrt(2 * layout.config.layers);
  const sink = sinkOf(target);
  const drawn = new Float32Array(PIECE_ELEMENTS);
  for (const { offset, count, decay, residual, initial, adapter } of layout.entries) {
    if (adapter !== undefined) continue;
    // Some 10 ms for each piece, so that the event loop stays responsive. Their length is even: draws come in pairs.
    for (let start = 0; start < count; start += PIECE_ELEMENTS) {
      const values = drawn.subarray(0, count - start);
      if (decay) fillNormal(values, residual ? residualDeviation : DEVIATION, random);
      else values.fill(initial);
      await sink({ offset: offset + start, values });
      if (decay) await setImmediate();
    }
  }
}

/**
 * Fills the adapters alone: A uniformly within ±1/√in, as PEFT does, B with zeros, so that the model begins as it is without them.
 *
 * @param target As of `initializeParameters`.
 */
export function initializeAdapters(layout: ParameterLayout, target: Float32Array, seed: number): void {
  const random = seededRandom(seed, 'adapters');
  for (const { offset, count, shape, adapter } of layout.entries) {
    if (adapter === undefined) continue;
    const values = target.subarray(offset, offset + count);
    if (adapter === 'up') values.fill(0);
    else {
      const bound = 1 / Math.sqrt(shape[1]);
      for (let index = 0; index < count; index++) values[index] = bound * ((random.next() >>> 0) * 2 ** -31 - 1);
    }
  }
}

/** Box & Muller (1958): two uniform draws give two normal ones. */
function fillNormal(values: Float32Array, deviation: number, random: { next(): number }): void {
  const unit = 2 ** -32;
  for (let index = 0; index < values.length; index += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(((random.next() >>> 0) + 1) * unit));
    const angle = 2 * Math.PI * ((random.next() >>> 0) * unit);
    values[index] = radius * Math.cos(angle);
    if (index + 1 < values.length) values[index + 1] = radius * Math.sin(angle);
  }
}
