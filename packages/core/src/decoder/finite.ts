import { addon, MayflyError } from '@mayfly/native';
import type { Tensor } from '../memory/tensor.js';
import type { ParameterEntry } from '../model/parameters.js';
import type { Decoder } from './decoder.js';
import { type ModelState, offsetIn } from './model-state.js';

/** From here on fp16 rounds to infinity; its largest number is 65,504. */
const HALF_OVERFLOW = 65_520;

/** Whether all numbers are finite: one that is not makes a sum of products with 0 NaN. */
export function areFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]! * 0;
  return sum === 0;
}

/** Whether all values are finite, at the speed of memory: fp64 holds the sum of any fp32 squares. */
export const allFinite = async ({ arena, offset, elements }: Tensor<'fp32'>): Promise<boolean> =>
  Number.isFinite(await addon.mathQueue.sumOfSquares(arena, offset, elements));

/**
 * Refuses parameters (and moments) that no device could use: infinities, NaN, and weights of layers that fp16 cannot hold.
 *
 * @param source Where they came from, for the message.
 * @throws `ERR_MODEL_VALUES`, which names the tensor.
 */
export async function checkValues(state: ModelState, source: string): Promise<void> {
  const { arena } = state.parameters;
  for (const entry of state.layout.entries) {
    // No value can be larger than the root of the sum of all squares: most tensors need no second look.
    const norm = Math.sqrt(await addon.mathQueue.sumOfSquares(arena, offsetIn(state.parameters, entry), entry.count));
    if (norm < HALF_OVERFLOW || (entry.layer < 0 && Number.isFinite(norm))) continue;
    const values = state.parameters.array().subarray(entry.offset, entry.offset + entry.count);
    const limit = entry.layer < 0 ? Number.POSITIVE_INFINITY : HALF_OVERFLOW;
    const index = values.findIndex((value) => !(Math.abs(value) < limit));
    if (index !== -1) throw badValue(source, nameOf(entry), values[index]!);
  }
  for (const name of ['firstMoments', 'secondMoments'] as const) {
    if (!(await allFinite(state[name]))) throw badValue(source, name, Number.NaN);
  }
}

/**
 * Refuses values that are to become fp16 and cannot.
 *
 * @param values Of the parameter `entry`, all or some.
 * @param source Where they came from, for the message.
 * @throws `ERR_MODEL_VALUES`, which names the tensor.
 */
export async function checkHalves(values: Tensor<'fp32'>, entry: ParameterEntry, source: string): Promise<void> {
  const { arena, offset, elements } = values;
  if (Math.sqrt(await addon.mathQueue.sumOfSquares(arena, offset, elements)) < HALF_OVERFLOW) return;
  const bad = values.array().find((value) => !(Math.abs(value) < HALF_OVERFLOW));
  if (bad !== undefined) throw badValue(source, nameOf(entry), bad);
}

/** @throws `ERR_NOT_FINITE` if the output of the last forward pass is not finite; its message names the layer that overflowed. */
export async function expectFinite(finite: boolean, decoder: Decoder): Promise<void> {
  if (finite) return;
  throw new MayflyError('ERR_NOT_FINITE', `the model's output is not finite: ${await explainOverflow(decoder)}`);
}

/**
 * Why the last forward pass gave no finite output, in one phrase.
 *
 * @param ofRanks Gives what all ranks found, where several run passes of one step. Default: this process alone.
 */
export async function explainOverflow(
  decoder: Decoder,
  ofRanks: (found: string | null) => Promise<(string | null)[]> = async (found) => [found],
): Promise<string> {
  if (!(await allFinite(decoder.state.parameters))) return 'its parameters are not';
  const places = await ofRanks(await decoder.findOverflow());
  const place = places.find((each) => each !== null);
  return place === undefined
    ? 'its activations overflow after the last layer'
    : `activations of ${place} exceed 65504, the largest fp16 number`;
}

const nameOf = ({ name, layer }: ParameterEntry): string => (layer < 0 ? name : `${name} of layer ${layer}`);

function badValue(source: string, tensor: string, value: number): MayflyError {
  const actual = Number.isFinite(value) ? `${value}, which fp16 cannot hold` : String(value);
  return new MayflyError(
    'ERR_MODEL_VALUES',
    `${source}: Expected finite values within fp16's range in ${tensor}, got ${actual}`,
  );
}
