/**
 * How rotary embeddings are stretched beyond the context that a model was first trained with, as transformers'
 * `modeling_rope_utils` has it. `factor`, at least 1, is how much longer contexts become; `originalSequence`, in tokens, is the longest
 * context before.
 */
export type RopeScaling =
  | {
      /** Positions divided by the factor (Chen et al. 2023). */
      readonly type: 'linear';
      readonly factor: number;
      readonly originalSequence: number;
    }
  | {
      /** A base that grows with the window beyond the original context ("NTK-aware"); within it, RoPE as it was. */
      readonly type: 'dynamic';
      readonly factor: number;
      readonly originalSequence: number;
    }
  | {
      /** Llama 3.1's: slow pairs are divided by the factor, fast ones stay, and those between are mixed. */
      readonly type: 'llama3';
      readonly factor: number;
      readonly originalSequence: number;
      /** Pairs with less than so many turns within the original context are slow. */
      readonly lowFrequencyFactor: number;
      /** Pairs with more than so many turns within the original context are fast; above `lowFrequencyFactor`. */
      readonly highFrequencyFactor: number;
    }
  | {
      /** YaRN (Peng et al. 2023): as `llama3`, with a ramp over the index of the pair, and rotated heads times a factor. */
      readonly type: 'yarn';
      readonly factor: number;
      readonly originalSequence: number;
      /** Pairs with more turns within the original context stay. */
      readonly betaFast: number;
      /** Pairs with fewer turns within the original context are divided by the factor. */
      readonly betaSlow: number;
      /** Whether the ends of the ramp are rounded to whole pairs. */
      readonly truncate: boolean;
      /** Factor of cosines and sines, thus of queries and of keys. */
      readonly attentionFactor: number;
    };

type Scaling<Type extends RopeScaling['type']> = Extract<RopeScaling, { readonly type: Type }>;

/** The part of a model's shape that its rotary embedding needs. */
export interface RopeConfig {
  readonly headDim: number;
  readonly ropeBase: number;
  readonly ropeScaling?: RopeScaling | undefined;
}

/** What turns the pairs of a head. */
export interface RopeTurns {
  /** Radians per position of each pair, headDim/2 of them. */
  readonly frequencies: Float64Array;
  /** Factor of cosines and sines. */
  readonly scale: number;
}

/**
 * The turns of a rotary embedding.
 *
 * @param sequence Tokens of the window, or of a text at most, on which `dynamic` scaling depends.
 */
export function ropeTurns({ headDim, ropeBase, ropeScaling: scaling }: RopeConfig, sequence: number): RopeTurns {
  const base = scaling?.type === 'dynamic' ? dynamicBase(ropeBase, headDim, scaling, sequence) : ropeBase;
  const frequencies = Float64Array.from({ length: headDim / 2 }, (_, pair) => base ** ((-2 * pair) / headDim));
  switch (scaling?.type) {
    case 'linear':
      return { frequencies: frequencies.map((frequency) => frequency / scaling.factor), scale: 1 };
    case 'llama3':
      return { frequencies: frequencies.map((frequency) => llama3Frequency(frequency, scaling)), scale: 1 };
    case 'yarn': {
      const kept = yarnKept(ropeBase, headDim, scaling);
      return {
        frequencies: frequencies.map(
          (frequency, pair) => (frequency / scaling.factor) * (1 - kept(pair)) + frequency * kept(pair),
        ),
        scale: scaling.attentionFactor,
      };
    }
    default:
      return { frequencies, scale: 1 };
  }
}

function dynamicBase(
  base: number,
  headDim: number,
  { factor, originalSequence }: Scaling<'dynamic'>,
  sequence: number,
): number {
  const growth = (factor * Math.max(sequence, originalSequence)) / originalSequence - (factor - 1);
  return base * growth ** (headDim / (headDim - 2));
}

function llama3Frequency(frequency: number, scaling: Scaling<'llama3'>): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalSequence } = scaling;
  const turns = (originalSequence * frequency) / (2 * Math.PI);
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const smooth = (turns - low) / (high - low);
  return (1 - smooth) * (frequency / factor) + smooth * frequency;
}

/** The part of each pair's frequency that stays, from 0 to 1. */
function yarnKept(
  base: number,
  headDim: number,
  { betaFast, betaSlow, originalSequence, truncate }: Scaling<'yarn'>,
): (pair: number) => number {
  /** The pair, a fraction, that turns so often within the original context. */
  const pairOf = (turns: number) =>
    (headDim * Math.log(originalSequence / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(truncate ? Math.ceil(slow) : slow, headDim - 1);
  const width = high === low ? 0.001 : high - low;
  return (pair) => 1 - Math.min(Math.max((pair - low) / width, 0), 1);
}

/** YaRN's `attentionFactor` where a model names none: 0.1·mscale·ln(factor) + 1, divided by the same with `mscaleAllDim`. */
export function yarnAttentionFactor(factor: number, mscale?: number, mscaleAllDim?: number): number {
  const scaled = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale && mscaleAllDim ? scaled(mscale) / scaled(mscaleAllDim) : scaled(1);
}
