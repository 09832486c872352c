import { presets } from '../model/presets.js';
import { evaluateUs, kernelRoundMs, stepMs } from './predictions.js';
import {
  convolution3x3,
  elementwiseSum,
  int8Chain,
  normalizationBackward,
  packedProduct,
  softmaxOver,
  squareProduct,
} from './probe-programs.js';
import {
  chains,
  compact,
  type Entry,
  normlessQwen3,
  one,
  type PublishedFigure,
  singles,
  stories110mStep,
} from './published-figure.js';
import { trainers } from './trainers.js';

const { stories110m } = presets;

/** Convolutions of int8 weights and activations over 64 × 64 columns: key `depth×channels`, in microseconds. */
const int8Chains = (chip: string, source: string, entries: Readonly<Record<string, Entry>>) =>
  Object.entries(entries).map(([key, entry]) => {
    const [depth = 0, channels = 0] = key.split('×').map(Number);
    const text = int8Chain({ depth, channels, rows: 64, columns: 64 });
    return one(chip, `W8A8 convolutions ${key} channels, columns 64×64`, source, 'µs', 'kernels', entry, (profile) =>
      evaluateUs(text, profile),
    );
  });

/** Products N × N by a constant N × N, called from Python: in milliseconds. */
const products = (chip: string, source: string, entries: Readonly<Record<string, Entry>>) =>
  Object.entries(entries).map(([size, entry]) =>
    one(chip, `product ${size}³`, source, 'ms', 'kernels', entry, (profile) => {
      const { text } = squareProduct(Number(size));
      return evaluateUs(text, profile) / 1000;
    }),
  );

/** Convolutions 3×3 over 64 × 64 pixels, called from Python: key `channels×images`, in milliseconds. */
const convolutions = (chip: string, source: string, entries: Readonly<Record<string, Entry>>) =>
  Object.entries(entries).map(([key, entry]) => {
    const [channels = 0, images = 0] = key.split('×').map(Number);
    const what = `convolution 3×3, ${channels} channels, ${images} images of 64×64`;
    return one(chip, what, source, 'ms', 'kernels', entry, (profile) => {
      const { text } = convolution3x3(channels, images);
      return evaluateUs(text, profile) / 1000;
    });
  });

/** Products of 256 rows with a square matrix in the same surface: key the matrix's side, in microseconds. */
const packedProducts = (
  chip: string,
  source: string,
  group: 'kernels' | 'cold',
  entries: Readonly<Record<string, Entry>>,
) =>
  Object.entries(entries).map(([side, entry]) =>
    one(chip, `packed product 256 × ${side}²`, source, 'µs', group, entry, (profile) =>
      evaluateUs(packedProduct(256, Number(side)).text, profile),
    ),
  );

/** Step of a model that SLA made for its sweep: dim, hidden, heads, layers. */
const sweepStep = (
  name: string,
  [dim, hidden, heads, layers]: readonly [number, number, number, number],
  published: number,
) =>
  one('m4', `SLA's ${name} model, dynamic weights, step without update`, 'SLA', 'ms', 'step', [published], (profile) =>
    stepMs(
      { ...stories110m, ...compact, dim, hidden, heads, kvHeads: heads, headDim: dim / heads, layers },
      trainers.mad,
      profile,
    ),
  );

/**
 * Figures that came to light after the profiles had been fitted to the first ones. None is calibrated, and a test freezes the
 * class of each. `cold` is where the source itself tells of set-up in the call, or where more work took less time.
 */
export const secondFigures: readonly PublishedFigure[] = [
  ...singles('m4', 'SLA', 'kernels', { '1024@256': [110], '2048@128': [250] }),
  ...chains('m4', 'SLA', 'kernels', {
    '32×512': [142],
    '64×512': [206],
    '128×384@128': [392],
    '256×384@128': [749],
    '128×512@128': [692],
    '128×640': [484],
  }),
  ...singles('m4', 'SLA, second run', 'kernels', {
    '256': [79],
    '512': [74],
    '768': [89],
    '1024': [102],
    '768→3072': [169],
    '3072→768': [175],
    '2048': [231],
  }),
  ...chains('m3-pro', 'SLA', 'kernels', {
    '128×384@128': [532],
    '256×384': [517],
    '128×512@128': [782],
    '256×512@128': [1909],
    '128×640': [646],
    '256×640': [1304],
    '128×640@128': [1407],
    '64×768': [1346],
    '64×768@128': [1337],
    '256×768@128': [7900],
  }),
  ...singles('m3-pro', 'SLA', 'kernels', { '2048@128': [280], '2048@512': [886] }),
  ...singles('m3-pro', 'SLA', 'cold', { '64@256': [305], '512@256': [231], '128@2048': [216] }),
  ...chains('m4-pro', 'NE', 'kernels', {
    '128×512@64×64': [14_850],
    '64×512@64×64': [7570],
    '256×256@64×64': [8330],
    '128×256@64×64': [4290],
    '128×384@64×64': [8480],
  }),
  ...int8Chains('m4-pro', 'NE', {
    '128×512': [7880],
    '64×512': [4040],
    '256×256': [4480],
    '128×256': [2330],
    '128×384': [4680],
  }),
  ...singles('m4-pro', 'NE', 'kernels', {
    '512': [92],
    '1536': [114],
    '3584': [393],
    '4096': [1053],
    '5120': [609],
    '8192@32': [3888],
  }),
  ...chains('m5-max', 'MAD #50', 'kernels', { '128×512@64×64': [14_270] }),
  ...int8Chains('m5-max', 'MAD #50', { '128×512': [7720] }),
  ...products('m1', 'GUIDE', { '4096': [28.6] }),
  ...products('m1', 'FORGE', { '512': [0.739], '1024': [2.26], '2048': [9.71], '4096': [50.9] }),
  ...products('m1', 'FORGE, MacBook Air', { '4096': [32] }),
  ...products('m1-max', 'FORGE', { '4096': [29.9] }),
  ...products('m4', 'FORGE', {
    '512': [0.209],
    '1024': [0.746],
    '2048': [3.51],
    '4096': [25.3],
    '6144': [135],
    '8192': [314],
  }),
  ...products('m4-max', 'FORGE', { '4096': [15.4] }),
  ...products('m5', 'FORGE', { '4096': [15.8] }),
  ...products('m5-pro', 'FORGE', {
    '512': [0.148],
    '1024': [0.362],
    '2048': [1.69],
    '4096': [16.6],
    '6144': [96.6],
    '8192': [225],
  }),
  ...convolutions('m1', 'FORGE', { '64×8': [3.99], '128×8': [7.55], '256×4': [9.54] }),
  ...convolutions('m5-pro', 'FORGE', { '64×16': [0.821], '128×16': [2.04] }),
  ...singles('m3-max', 'FG', 'kernels', { '2560@1': [320] }),
  ...packedProducts('m3-max', 'LB', 'kernels', { '512': [160], '768': [153], '1024': [190], '2048': [460] }),
  ...packedProducts('m3-max', 'LB', 'cold', { '128': [300], '256': [220] }),
  one('m4-max', 'sum of two tensors of 256 channels, columns 64', 'ORI', 'µs', 'kernels', [223], (profile) =>
    evaluateUs(elementwiseSum(256, 64).text, profile),
  ),
  one('m4-max', 'softmax over 32000 channels, columns 256', 'ORI', 'µs', 'kernels', [2400], (profile) =>
    evaluateUs(softmaxOver(32_000, 256).text, profile),
  ),
  one('m4-max', 'backward pass of RMSNorm over 768 channels, columns 256', 'ORI', 'µs', 'kernels', [210], (profile) =>
    evaluateUs(normalizationBackward(768, 256).text, profile),
  ),
  one('m4-pro', '10 dynamic kernels compiled', 'NE', 'ms', 'compile', [[442, 616]], (profile) =>
    kernelRoundMs('dynamic', 10, profile),
  ),
  one('m3-max', '10 dynamic kernels compiled', 'LB', 'ms', 'compile', [[400, 600]], (profile) =>
    kernelRoundMs('dynamic', 10, profile),
  ),
  stories110mStep('m4-pro', 'NE, as found', 'mad', [95]),
  stories110mStep('m4-pro', 'NE, at last', 'neFused', [86.4]),
  stories110mStep('m4-pro', 'SOL', 'madFirst', [111]),
  stories110mStep('m3-max', 'LB', 'mad', [[98.2, 102.5]]),
  one('m4-pro', 'Qwen3-0.6B, dynamic weights, step without update', 'NE, half way', 'ms', 'step', [280], (profile) =>
    stepMs(normlessQwen3, trainers.neHalf, profile),
  ),
  one(
    'm4-pro',
    'Qwen3-0.6B, dynamic weights, step without update',
    'NE, at last',
    'ms',
    'step',
    [[196, 202]],
    (profile) => stepMs(normlessQwen3, trainers.neLast, profile),
  ),
  one(
    'm4-pro',
    'Qwen3-0.6B, 512 tokens, dynamic weights, step without update',
    'NE, at last',
    'ms',
    'step',
    [412],
    (profile) => stepMs(normlessQwen3, trainers.neLast, profile, 512),
  ),
  one(
    'm4-pro',
    'a GPT of 82M, 8 layers of 768, dynamic weights, step without update',
    'HG',
    'ms',
    'step',
    [58.5],
    (profile) => stepMs({ ...stories110m, layers: 8 }, trainers.harsha, profile),
  ),
  sweepStep('tiny', [256, 768, 4, 6], 26),
  sweepStep('small', [384, 1152, 6, 8], 41),
  sweepStep('medium', [512, 1536, 8, 8], 49.7),
  sweepStep('wide', [640, 1920, 10, 6], 47.8),
];
