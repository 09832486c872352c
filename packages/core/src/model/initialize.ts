import { invalidArgument } from '@mayfly/native';
import { seededRandom } from '../data/seeded-random.js';
import type { ParameterLayout } from './parameters.js';

/** Standard deviation of embeddings and matrices, as GPT-2 and llama2.c have it. */
const DEVIATION = 0.02;

/**
 * Fills the flat block: norms and other vectors their `initial`, 1 by default, matrices and embeddings normal(0, 0.02), those that write to the residual stream scaled by
 * 1/√(2·layers) (Radford et al. 2019), so that its variance does not grow with depth.
 *
 * @param target fp32, `layout.count` elements.
 * @param seed The same seed gives the same bits on every machine.
 */
export function initializeParameters(layout: ParameterLayout, target: Float32Array, seed: number): void {
  if (target.length !== layout.count) throw invalidArgument('target.length', String(layout.count), target.length);
  const random = seededRandom(seed, 'initialization');
  const residualDeviation = DEVIATION / Math.sqrt(2 * layout.config.layers);
  for (const { offset, count, decay, residual, initial } of layout.entries) {
    const values = target.subarray(offset, offset + count);
    if (!decay) values.fill(initial);
    else fillNormal(values, residual ? residualDeviation : DEVIATION, random);
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
