import { timeMil } from '@mayfly/native';
import { presets } from '../model/presets.js';
import {
  evaluateUs,
  fusedCompileMs,
  fusedForwardUs,
  kernelCompileMs,
  kernelRoundMs,
  separateForwardUs,
  staticForwardMs,
  stepMs,
} from './predictions.js';
import { convolution, int8Chain } from './probe-programs.js';
import {
  chains,
  type Entry,
  normlessQwen3,
  one,
  type PublishedFigure,
  singles,
  stories110mStep,
} from './published-figure.js';
import { trainers } from './trainers.js';

const fit = 'calibrated';
const { stories110m, stories15m } = presets;
/** Every figure of the reference that the model has something to say of. */
export const publishedFigures: readonly PublishedFigure[] = [
  ...chains('m4', 'MAD #3', 'kernels', {
    '32×512': [159, fit],
    '48×512': [190],
    '64×512': [223],
    '96×512': [302],
    '128×512': [366, fit],
    '256×256': [220],
  }),
  ...chains('m4', 'SLA', 'kernels', { '128×512': [376] }),
  ...chains('m4', 'MAD PR 23', 'cold', { '64×512': [395], '96×512': [429], '128×512': [589], '256×256': [380] }),
  ...chains('m4', 'MAD', 'kernels', { '128×512@64×64': [14_800, fit], '64×512@64×64': [7500] }),
  ...[[128, 7800, fit] as const, [64, 4000] as const].map(([depth, published, calibrated]) =>
    one(
      'm4',
      `W8A8 convolutions ${depth}×512 channels, columns 64×64`,
      'MAD',
      'µs',
      'kernels',
      [published, calibrated],
      (profile) => evaluateUs(int8Chain({ depth, channels: 512, rows: 64, columns: 64 }), profile),
    ),
  ),
  ...singles('m4', 'MAD #3', 'kernels', {
    '256': [106],
    '1024': [116],
    '2048': [237, fit],
    '3072': [421, fit],
    '4096': [1012, fit],
  }),
  ...singles('m4', 'SLA', 'kernels', {
    '256': [76],
    '512': [71],
    '1024': [98],
    '2048': [235],
    '768@256': [93],
    '768→2048@256': [137],
    '2048→768@256': [242, fit],
  }),
  ...chains('m3-pro', 'MAD', 'kernels', { '128×512': [430, fit], '128×512@2048': [8193, fit] }),
  ...chains('m3-pro', 'SLA', 'kernels', {
    '256×384@128': [830],
    '256×512': [777, fit],
    '64×640@128': [645],
    '128×768@128': [3789, fit],
    '256×1024@128': [15_136],
    '128×768@32': [3332],
  }),
  ...singles('m3-pro', 'SLA', 'kernels', {
    '768@1024': [318],
    '768@2048': [479],
    '768@4096': [769],
    '768→2048@1024': [625],
    '768→2048@2048': [911],
    '768→2048@4096': [1693, fit],
    '2048→768@1024': [742],
    '2048→768@2048': [1120],
    '2048→768@4096': [2176, fit],
  }),
  ...singles('m3-pro', 'SLA', 'cold', {
    '768@64': [260],
    '768@128': [328],
    '768@256': [347],
    '768@512': [315],
    '768→2048@64': [341],
    '768→2048@128': [296],
    '768→2048@256': [229],
    '768→2048@512': [377],
    '2048→768@64': [428],
    '2048→768@128': [250],
    '2048→768@256': [389],
    '2048→768@512': [537],
    '768→4096@256': [271],
  }),
  ...chains('m3-ultra', 'MAD PR 28', 'kernels', {
    '64×512': [355, fit],
    '96×512': [423],
    '128×512': [531, fit],
    '64×256': [287],
    '128×256': [272],
    '256×256': [439],
    '64×384': [319],
    '128×384': [369],
  }),
  ...chains('m3-ultra', 'MAD PR 28', 'cold', { '32×512': [497], '48×512': [535] }),
  ...chains('m3-ultra', 'MAD #42', 'kernels', {
    '32×512': [281],
    '48×512': [315],
    '64×512': [313],
    '96×512': [380],
    '128×512': [489, fit],
  }),
  ...chains('m4-pro', 'MAD', 'kernels', { '128×512': [341, fit] }),
  ...chains('m4-max', 'MAD', 'kernels', { '128×512': [393] }),
  ...chains('m4-max', 'MAD PR 25', 'kernels', {
    '48×512': [262],
    '64×512': [244],
    '96×512': [326],
    '128×512': [385, fit],
    '256×256': [351],
    '128×384': [354],
  }),
  ...chains('m4-max', 'MAD PR 25', 'cold', { '32×512': [408], '64×256': [365], '128×256': [454], '64×384': [429] }),
  ...singles('m4-max', 'MAD PR 25', 'kernels', {
    '2048': [[218, 254]],
    '2560': [238, fit],
    '3072': [[335, 396]],
    '3584': [414],
    '4096': [[1116, 1148], fit],
    '4608': [563, fit],
    '5120': [[659, 767], fit],
    '6144': [[843, 872]],
    '8192@32': [[4195, 4211]],
  }),
  ...singles('m4-max', 'MAD PR 25', 'cold', {
    '256': [[319, 419]],
    '512': [[357, 419]],
    '1024': [[392, 457]],
    '1536': [495],
  }),
  ...chains('m5', 'MAD', 'kernels', { '128×512': [[345, 353], fit] }),
  ...singles('m5', 'MAD', 'kernels', { '256': [[60, 110]] }),
  ...singles('m1', 'GUIDE', 'kernels', { '256': [[190, 230], fit] }),
  ...singles('a17-pro', 'IOS', 'kernels', { '2048': [380, fit], '3584': [796, fit], '4096': [[2300, 2900], fit] }),
  ...(
    [
      [2048, 253],
      [4096, 447],
      [8192, 1350],
    ] as const
  ).map(([channels, published]) =>
    one(
      'm2',
      `convolution ${channels} → ${channels}, columns 1, int8 weights`,
      'FORGE',
      'µs',
      'kernels',
      [published],
      (profile) => evaluateUs(int8Chain({ depth: 1, channels, columns: 1 }), profile),
    ),
  ),
  ...singles('m4', 'MAD PR 23', 'cold', { '128': [189] }),
  ...singles('m2', 'FORGE', 'kernels', { '2048@1': [290], '4096@1': [740, fit], '8192@1': [2610, fit] }),
  one('m1-pro', 'Stories110M forward, one program', 'MAD #24', 'µs', 'kernels', [5081, fit], (profile) =>
    fusedForwardUs(stories110m, profile),
  ),
  one('m1-pro', 'Stories110M forward, a program per half layer', 'MAD #24', 'µs', 'kernels', [15_227, fit], (profile) =>
    separateForwardUs(stories110m, profile),
  ),
  one('m1-pro', 'Stories15M forward, one program', 'MAD #24', 'µs', 'kernels', [728], (profile) =>
    fusedForwardUs(stories15m, profile),
  ),
  one('m1-pro', 'Stories15M forward, a program per half layer', 'MAD #24', 'µs', 'kernels', [3039], (profile) =>
    separateForwardUs(stories15m, profile),
  ),
  ...(
    [
      ['m1-pro', [[32, 35]]],
      ['m1-max', [[35, 45]]],
      ['m3-ultra', [10]],
      ['m4-pro', [8.9, fit]],
      ['m4-max', [10.2]],
      ['m5', [[9.1, 9.8]]],
    ] as readonly (readonly [string, Entry])[]
  ).map(([chip, entry]) =>
    one(chip, 'Stories110M, 24 static forward kernels', 'MAD #3', 'ms', 'kernels', entry, (profile) =>
      staticForwardMs(stories110m, profile),
    ),
  ),
  ...(
    [
      ['m1-pro', [[7900, 8500], fit]],
      ['m1-max', [[7100, 7502]]],
      ['m3-ultra', [3700]],
      ['m4-pro', [3470, fit]],
      ['m4-max', [[3530, 4200]]],
      ['m4', [[3200, 3300]]],
      ['m5', [[3200, 3630], fit]],
    ] as readonly (readonly [string, Entry])[]
  ).map(([chip, entry]) =>
    one(chip, '60 static kernels compiled', 'MAD #3', 'ms', 'compile', entry, (profile) =>
      kernelRoundMs('static', 60, profile),
    ),
  ),
  ...(
    [
      ['m5', 'MAD', [11, fit]],
      ['m3-pro', 'SLA', [25, fit]],
      ['a17-pro', 'IOS', [[20, 21], fit]],
      ['m4-max', 'ORI', [17.1]],
    ] as readonly (readonly [string, string, Entry])[]
  ).map(([chip, source, entry]) =>
    one(
      chip,
      'one small convolution compiled',
      source,
      'ms',
      'compile',
      entry,
      (profile) => timeMil(convolution(256, 256, 64).text, profile).compileMs,
    ),
  ),
  one('a17-pro', 'attention of a layer compiled', 'IOS', 'ms', 'compile', [87, fit], (profile) =>
    kernelCompileMs('attentionForward', profile),
  ),
  one('a17-pro', 'feed-forward of a layer compiled', 'IOS', 'ms', 'compile', [179, fit], (profile) =>
    kernelCompileMs('feedForwardForward', profile),
  ),
  one('m1-pro', 'Stories110M forward, one program, compiled', 'MAD #24', 'ms', 'compile', [4200], (profile) =>
    fusedCompileMs(stories110m, profile),
  ),
  one('m1-pro', 'Stories15M forward, one program, compiled', 'MAD #24', 'ms', 'compile', [1000], (profile) =>
    fusedCompileMs(stories15m, profile),
  ),
  one('m4', '86 static kernels compiled', 'NF', 'ms', 'compile', [5500], (profile) =>
    kernelRoundMs('static', 86, profile),
  ),
  one('m4-max', '72 static kernels compiled', 'ORI', 'ms', 'compile', [4500], (profile) =>
    kernelRoundMs('static', 72, profile),
  ),
  ...(
    [
      ['m4', [[345, 433], fit]],
      ['m4-pro', [635]],
      ['m4-max', [[375, 564]]],
    ] as readonly (readonly [string, Entry])[]
  ).map(([chip, entry]) =>
    one(chip, '10 dynamic kernels compiled', 'SLA, AR, PG801', 'ms', 'compile', entry, (profile) =>
      kernelRoundMs('dynamic', 10, profile),
    ),
  ),
  one('m3-ultra', '9 dynamic kernels compiled', 'MAD PR 28', 'ms', 'compile', [353, fit], (profile) =>
    kernelRoundMs('dynamic', 9, profile),
  ),
  stories110mStep('m4', 'MAD', 'mad', [[91, 115]]),
  stories110mStep('m4', 'SLA', 'mad', [93]),
  stories110mStep('m4', 'FSP', 'fspecii', [52], {}),
  stories110mStep('m3-pro', 'SLA', 'mad', [93]),
  stories110mStep('m3-ultra', 'MAD PR 28', 'madFirst', [115.4]),
  one('m4', 'Qwen3-0.6B, dynamic weights, step without update', 'MAD', 'ms', 'step', [412], (profile) =>
    stepMs(normlessQwen3, trainers.mad, profile),
  ),
  stories110mStep('m5-max', 'MAD #50', 'mad', [73.5]),
  one('m5-max', 'Qwen3-0.6B, dynamic weights, step without update', 'MAD #50', 'ms', 'step', [320], (profile) =>
    stepMs(normlessQwen3, trainers.mad, profile),
  ),
  stories110mStep('m4', 'NF', 'neuralForge', [71], {}),
  stories110mStep('m1-pro', 'MAD #3', 'madStatic', [[148, 163], fit], {}),
  stories110mStep('m1-max', 'MAD #3', 'madStatic', [[143, 167]], {}),
  stories110mStep('m3-ultra', 'MAD PR 28', 'madStatic', [81.2, fit], {}),
  stories110mStep('m4', 'MAD #3', 'madStatic', [[106.7, 111.9], fit], {}),
  stories110mStep('m4-pro', 'MAD #3', 'madStatic', [[69, 73], fit], {}),
  stories110mStep('m4-max', 'MAD #3', 'madStatic', [64], {}),
  stories110mStep('m5', 'MAD #3', 'madStatic', [[101, 120]], {}),
];
