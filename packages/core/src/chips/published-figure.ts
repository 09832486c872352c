import type { ChipProfile } from '@mayfly/native';
import type { ModelConfig } from '../model/config.js';
import { presets } from '../model/presets.js';
import { evaluateUs, stepMs } from './predictions.js';
import { type ConvolutionChain, convolution, convolutionChain } from './probe-programs.js';
import { trainers } from './trainers.js';

/** A published measurement, and the model's prediction of it. */
export interface PublishedFigure {
  readonly chip: string;
  readonly what: string;
  readonly source: string;
  readonly unit: 'µs' | 'ms';
  /** A number, or a range if the source gives one; its middle counts. */
  readonly published: number | readonly [number, number];
  /** The profile was fitted to it. */
  readonly calibrated: boolean;
  /**
   * `kernels`: programs timed on their own; `cold`: the same, where the source's own figure lies far above what the chip's
   * dispatches and slopes allow, as after idling; `compile`; `step`: whole steps of another program.
   */
  readonly group: 'kernels' | 'cold' | 'compile' | 'step';
  readonly predict: (profile: ChipProfile) => number;
}

/** The published value, and whether the profile was fitted to it. */
export type Entry = readonly [published: PublishedFigure['published'], calibrated?: 'calibrated'];

/** A figure; `chains` and `singles` make those that come in rows. */
export const one = (
  chip: string,
  what: string,
  source: string,
  unit: 'µs' | 'ms',
  group: PublishedFigure['group'],
  [published, calibrated]: Entry,
  predict: (profile: ChipProfile) => number,
): PublishedFigure => ({ chip, what, source, unit, published, calibrated: calibrated !== undefined, group, predict });

/** Convolution chains: key `depth×channels[@columns]`, in microseconds. */
export const chains = (
  chip: string,
  source: string,
  group: 'kernels' | 'cold',
  entries: Readonly<Record<string, Entry>>,
) =>
  Object.entries(entries).map(([key, entry]) => {
    const chain = chainOf(key);
    const predict = (profile: ChipProfile) => evaluateUs(convolutionChain(chain).text, profile);
    const what = `${key.replace('@', ' channels, columns ')}${key.includes('@') ? '' : ' channels, columns 64'}`;
    return one(chip, `convolutions ${what}`, source, 'µs', group, entry, predict);
  });

/** Single convolutions: key `inputs→outputs[@columns]`, in microseconds. */
export const singles = (
  chip: string,
  source: string,
  group: 'kernels' | 'cold',
  entries: Readonly<Record<string, Entry>>,
) =>
  Object.entries(entries).map(([key, entry]) => {
    const [shape = '', columns = '64'] = key.split('@');
    const [inputs = 0, outputs = inputs] = shape.split('→').map(Number);
    const predict = (profile: ChipProfile) => evaluateUs(convolution(inputs, outputs, Number(columns)).text, profile);
    const what = `convolution ${inputs} → ${outputs}, columns ${columns}`;
    return one(chip, what, source, 'µs', group, entry, predict);
  });

function chainOf(key: string): ConvolutionChain {
  const [shape = '', columns = '64'] = key.split('@');
  const [depth = 0, channels = 0] = shape.split('×').map(Number);
  const [rows, width] = columns.includes('×') ? columns.split('×').map(Number) : [1, Number(columns)];
  return { depth, channels, rows: rows!, columns: width! };
}

/** The vocabulary that TinyStories uses of Llama's, as MAD, SLA, FSP and NE train on. */
export const compact = { vocab: 9205 } as const;

/** The model that MAD and NE time as Qwen3-0.6B, which leaves out the norms of queries and keys. */
export const normlessQwen3: ModelConfig = { ...presets['qwen3-0.6b'], ...compact, qkNorm: false };

/** Milliseconds of a step that leaves out the update, as MAD's timer does. */
export const stories110mStep = (
  chip: string,
  source: string,
  trainer: keyof typeof trainers,
  entry: Entry,
  vocab: object = compact,
) => {
  const what = `Stories110M, ${trainers[trainer].weights} weights, step without update`;
  return one(chip, what, source, 'ms', 'step', entry, (profile) =>
    stepMs({ ...presets.stories110m, ...vocab }, trainers[trainer], profile),
  );
};
