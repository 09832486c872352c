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
  /** Unnormalized probabilities of all tokens, of the last draw. */
  #weights = new Float64Array(0);

  constructor(given: SamplingOptions = {}) {
    const options = resolveOptions('sampling', samplingOptions, given).options;
    const { temperature, topK, topP, seed } = options;
    this.#temperature = temperature;
    this.#topK = topK;
    this.#topP = topP;
    this.#random = seededRandom(seed, 'sampling');
  }

  sample(logits: Float32Array): number {
    const likeliest = indexOfLargest(logits);
    if (this.#temperature === 0) return likeliest;
    this.#weigh(logits, logits[likeliest]!);
    const weights = this.#weights;
    if (this.#topK === 0 && this.#topP >= 1) return this.#draw(weights.keys(), sumOf(weights.keys(), weights));
    // Not the whole vocabulary is sorted: it has far more tokens than are drawn from.
    let kept = this.#topK > 0 ? largest(logits, this.#topK) : [...weights.keys()];
    const total = sumOf(kept, weights);
    if (this.#topP < 1) kept = nucleus(kept, weights, total, this.#topP);
    return this.#draw(kept, sumOf(kept, weights));
  }

  #weigh(logits: Float32Array, highest: number): void {
    if (this.#weights.length !== logits.length) this.#weights = new Float64Array(logits.length);
    for (let token = 0; token < logits.length; token++) {
      this.#weights[token] = Math.exp((logits[token]! - highest) / this.#temperature);
    }
  }

  #draw(candidates: Iterable<number>, total: number): number {
    let rest = uniformFloat64(this.#random) * total;
    let last = 0;
    for (const token of candidates) {
      const weight = this.#weights[token]!;
      if (weight === 0) continue;
      last = token;
      rest -= weight;
      if (rest < 0) break;
    }
    return last;
  }
}

function indexOfLargest(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token;
  return best;
}

function sumOf(tokens: Iterable<number>, weights: Float64Array): number {
  let sum = 0;
  for (const token of tokens) sum += weights[token]!;
  return sum;
}

/** The `count` tokens of the largest logits, in any order; of equal ones the first. */
function largest(logits: Float32Array, count: number): number[] {
  // A heap whose root is the first to go: the smallest, of equal ones the last.
  const heap: number[] = [];
  const isBefore = (a: number, b: number) => logits[a]! < logits[b]! || (logits[a]! === logits[b]! && a > b);
  const exchange = (i: number, j: number) => {
    [heap[i], heap[j]] = [heap[j]!, heap[i]!];
  };
  for (let token = 0; token < logits.length; token++) {
    if (heap.length < count) {
      heap.push(token);
      for (let at = heap.length - 1; at > 0; at = (at - 1) >> 1) {
        if (!isBefore(heap[at]!, heap[(at - 1) >> 1]!)) break;
        exchange(at, (at - 1) >> 1);
      }
    } else if (isBefore(heap[0]!, token)) {
      heap[0] = token;
      for (let at = 0; ; ) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        let first = at;
        if (left < count && isBefore(heap[left]!, heap[first]!)) first = left;
        if (right < count && isBefore(heap[right]!, heap[first]!)) first = right;
        if (first === at) break;
        exchange(at, first);
        at = first;
      }
    }
  }
  return heap;
}

/** The likeliest tokens that together reach `share` of the total, likeliest first, equal ones by id. */
function nucleus(tokens: readonly number[], weights: Float64Array, total: number, share: number): number[] {
  // Tokens below this have less than the rest of the total, all together: the likeliest reach the share without them.
  const least = (total * (1 - share)) / tokens.length;
  const sorted = tokens.filter((token) => weights[token]! >= least);
  sorted.sort((a, b) => weights[b]! - weights[a]! || a - b);
  let sum = 0;
  const end = sorted.findIndex((token) => {
    sum += weights[token]!;
    return sum >= share * total;
  });
  return end === -1 ? sorted : sorted.slice(0, end + 1);
}
