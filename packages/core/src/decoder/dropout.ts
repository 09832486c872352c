import { seededRandom } from '../data/seeded-random.js';
import { Float16Array } from '../float16.js';
import { DOCUMENTS } from '../programs/layer.js';
import type { Layers } from './layers.js';

/** A training pass: its step, from 0, and its number within the step. */
export interface TrainingPass {
  readonly step: number;
  readonly pass: number;
}

/** One prime for each of step, pass and mask, so that their seeds differ. */
const FACTORS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d] as const;

/**
 * The masks of dropout, which the host draws: the same for a step and pass in every run of a seed, so that a resumed run goes on
 * as if it had not ended.
 */
export class Dropout {
  readonly #rate: number;
  readonly #seed: number;
  /** fp16 of 1/(1 − rate). */
  readonly #kept: number;
  #isOff = false;

  constructor(rate: number, seed: number) {
    this.#rate = rate;
    this.#seed = seed;
    this.#kept = bitsOf(1 / (1 - rate));
  }

  /** Writes the masks of a training pass; without one, those that leave everything as it is. */
  write(layers: Layers, training: TrainingPass | undefined): void {
    if (training === undefined && this.#isOff) return;
    this.#isOff = training === undefined;
    let index = 0;
    for (const { given } of layers.blocks) {
      for (const [name, { tensor }] of given) {
        if (name === DOCUMENTS) continue;
        const bits = tensor.bits();
        if (training === undefined) bits.fill(bitsOf(1));
        else this.#draw(bits, training, index++);
      }
    }
  }

  #draw(bits: Uint16Array, { step, pass }: TrainingPass, index: number): void {
    const words = [step, pass, index].map((value, each) => Math.imul(value + 1, FACTORS[each]!));
    const random = seededRandom(
      words.reduce((seed, word) => Math.imul(seed ^ word, 0x27d4eb2f), this.#seed | 0),
      'dropout',
    );
    const limit = this.#rate * 2 ** 32;
    for (let at = 0; at < bits.length; at++) bits[at] = random.next() >>> 0 < limit ? 0 : this.#kept;
  }
}

const bitsOf = (value: number): number => new Uint16Array(Float16Array.of(value).buffer as ArrayBuffer)[0]!;
