import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { number, whole } from '../check.js';
import { seededRandom } from '../data/seeded-random.js';
import { type OptionTable, resolveOptions } from '../option-table.js';

/** How tokens are drawn from logits. The same options and logits give the same tokens. */
export interface SamplingOptions {
  /** Divisor of the logits; 0 selects the most likely token. Default 1. */
  readonly temperature?: number | undefined;
  /** Only the k likeliest tokens are drawn from; 0 means all. Default 0. */
  readonly topK?: number | undefined;
  /** Only the likeliest tokens that together reach this probability are drawn from (Holtzman et al. 2020). Default 1. */
  readonly topP?: number | undefined;
  /** Seed of the draws. Default 0. */
  readonly seed?: number | undefined;
}

const group = 'Sampling:';

/** The table of `SamplingOptions`. */
export const samplingOptions = {
  temperature: {
    ...{ rule: number('from 0 up', (value) => value >= 0), default: 1 },
    ...{ flag: '--temperature <x>', help: '0 selects the most likely token', group },
  },
  topK: { rule: whole(0), default: 0, flag: '--top-k <n>', help: 'draw from the n likeliest; 0: all', group },
  topP: {
    ...{ rule: number('above 0, 1 at most', (value) => value > 0 && value <= 1), default: 1 },
    ...{ flag: '--top-p <x>', help: 'draw from the likeliest that reach this probability', group },
  },
  seed: { rule: whole(0), default: 0, flag: '--seed <n>', help: 'the same seed draws the same tokens', group },
} as const satisfies OptionTable<SamplingOptions>;

/** Draws tokens from logits. The same seed and logits give the same tokens. */
export class Sampler {
  readonly #temperature: number;
  readonly #topK: number;
  readonly #topP: number;
  readonly #random;

  constructor(given: SamplingOptions = {}) {
    const options = resolveOptions('sampling', samplingOptions, given).options;
    const { temperature, topK, topP, seed } = options;
    this.#temperature = temperature;
    this.#topK = topK;
    this.#topP = topP;
    this.#random = seededRandom(seed, 'sampling');
  }

  sample(logits: Float32Array): number {
    if (this.#temperature === 0) return likeliest(logits);
    const candidates = this.#candidates(logits);
    const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
    let rest = uniformFloat64(this.#random) * total;
    for (const { token, weight } of candidates) {
      rest -= weight;
      if (rest < 0) return token;
    }
    return candidates.at(-1)!.token;
  }

  /** Tokens that may be drawn with their unnormalized probabilities, likeliest first; equal ones by id. */
  #candidates(logits: Float32Array): { token: number; weight: number }[] {
    const highest = logits[likeliest(logits)]!;
    const all = Array.from(logits, (logit, token) => ({
      token,
      weight: Math.exp((logit - highest) / this.#temperature),
    })).filter(({ weight }) => weight > 0);
    all.sort((a, b) => b.weight - a.weight || a.token - b.token);
    const kept = this.#topK > 0 ? all.slice(0, this.#topK) : all;
    if (this.#topP >= 1) return kept;
    const enough = this.#topP * kept.reduce((sum, { weight }) => sum + weight, 0);
    let sum = 0;
    const end = kept.findIndex(({ weight }) => {
      sum += weight;
      return sum >= enough;
    });
    return end === -1 ? kept : kept.slice(0, end + 1);
  }
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token;
  return best;
}
