import { invalidArgument } from '@mayfly/native';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { seededRandom } from '../data/seeded-random.js';

export interface SamplingOptions {
  /** Logits are divided by it; 0 always takes the likeliest token. Default 1. */
  readonly temperature?: number | undefined;
  /** Only the k likeliest tokens are drawn from; 0 means all. Default 0. */
  readonly topK?: number | undefined;
  /** Only the likeliest tokens that together reach this probability are drawn from (Holtzman et al. 2020). Default 1. */
  readonly topP?: number | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
}

/** Draws tokens from logits. The same seed and logits give the same tokens. */
export class Sampler {
  readonly #temperature: number;
  readonly #topK: number;
  readonly #topP: number;
  readonly #random;

  constructor({ temperature = 1, topK = 0, topP = 1, seed = 0 }: SamplingOptions = {}) {
    if (!(temperature >= 0)) throw invalidArgument('temperature', 'a number from 0 up', temperature);
    if (!(Number.isSafeInteger(topK) && topK >= 0)) throw invalidArgument('topK', 'a whole number from 0 up', topK);
    if (!(topP > 0 && topP <= 1)) throw invalidArgument('topP', 'a number above 0, 1 at most', topP);
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
    }));
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
