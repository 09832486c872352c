import { setImmediate } from 'node:timers/promises';
import { invalidArgument } from '@mayfly/native';
import { seededRandom } from '../data/seeded-random.js';
import type { ParameterLayout } from './parameters.js';

/** Standard deviation of embeddings and matrices, as GPT-2 and llama2.c have it. */
const DEVIATION = 0.02;

/** Values drawn at a time, some 10 ms, so that the event loop stays responsive. Even: draws come in pairs. */
const DRAWN_AT_ONCE = 2 ** 18;

/**
 * Fills the flat block: norms and other vectors their `initial`, 1 by default, matrices and embeddings normal(0, 0.02), those that write to the residual stream scaled by
 * 1/√(2·layers) (Radford et al. 2019), so that its variance does not grow with depth.
 *
 * @param target fp32, `layout.count` elements.
 * @param seed The same seed gives the same bits on every machine.
 */
export async function initializeParameters(layout: ParameterLayout, target: Float32Array, seed: number): Promise<void> {
  if (target.length !== layout.count) throw invalidArgument('target.length', String(layout.count), target.length);
  const random = seededRandom(seed, 'initialization');
  const residualDeviation = DEVIATION / Math.sqrt(2 * layout.config.layers);
  for (const { offset, count, decay, residual, initial, adapter } of layout.entries) {
    if (adapter !== undefined) continue;
    const values = target.subarray(offset, offset + count);
    if (!decay) {
      values.fill(initial);
      continue;
    }
    for (let start = 0; start < count; start += DRAWN_AT_ONCE) {
      const part = values.subarray(start, start + DRAWN_AT_ONCE);
      fillNormal(part, residual ? residualDeviation : DEVIATION, random);
      await setImmediate();
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
