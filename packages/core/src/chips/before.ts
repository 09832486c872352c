import { type ChipProfile, type Figure, loadProfile } from '@mayfly/native';
import type { StepWork } from './step-work.js';

/**
 * The work of a step before surfaces were shared, weight gradients and updates overlapped with what follows, and the classifier could run
 * on the device: as `planTraining` counted it at commit a3eb940, when trainer, workers and the emulator counted the same.
 */
export interface WorkBefore {
  /** Between arena and surfaces, in a pass. */
  readonly forwardBytes: number;
  readonly backwardBytes: number;
  /** Of updated weights, in a step. */
  readonly stagedBytes: number;
  readonly counts: StepWork;
}

/** By the key of an aim, then by the weight strategy; those that compile at each step, and so were never the best, are left out. */
export const workBefore: Readonly<Record<string, Readonly<Partial<Record<'dynamic' | 'static', WorkBefore>>>>> = {
  update: {
    dynamic: {
      ...{ forwardBytes: 127_401_984, backwardBytes: 110_100_480, stagedBytes: 339_738_624 },
      counts: {
        ...{ dispatches: 48, compilations: 0, prefetchedBytes: 0, copiedBytes: 577_241_088 },
        host: {
          ...{ norms: 50, classifierProducts: 3, losses: 1, weightGradients: 84, updates: 110 },
          ...{ copiedBytes: 39_321_600, convertedElements: 196_608, addedElements: 0, foldedElements: 0 },
        },
        waits: { kernels: 48, hostMath: 4, hostThreads: 45 },
      },
    },
  },
  accumulated: {
    dynamic: {
      ...{ forwardBytes: 127_401_984, backwardBytes: 110_100_480, stagedBytes: 339_738_624 },
      counts: {
        ...{ dispatches: 480, compilations: 0, prefetchedBytes: 0, copiedBytes: 2_714_763_264 },
        host: {
          ...{ norms: 500, classifierProducts: 30, losses: 10, weightGradients: 840, updates: 110 },
          ...{ copiedBytes: 393_216_000, convertedElements: 1_966_080, addedElements: 560_999_424, foldedElements: 0 },
        },
        waits: { kernels: 480, hostMath: 15, hostThreads: 443 },
      },
    },
  },
  compact: {
    dynamic: {
      ...{ forwardBytes: 127_401_984, backwardBytes: 110_100_480, stagedBytes: 0 },
      counts: {
        ...{ dispatches: 48, compilations: 0, prefetchedBytes: 0, copiedBytes: 237_502_464 },
        host: {
          ...{ norms: 50, classifierProducts: 3, losses: 1, weightGradients: 84, updates: 0 },
          ...{ copiedBytes: 39_321_600, convertedElements: 196_608, addedElements: 0, foldedElements: 0 },
        },
        waits: { kernels: 48, hostMath: 4, hostThreads: 45 },
      },
    },
    static: {
      ...{ forwardBytes: 84_934_656, backwardBytes: 97_517_568, stagedBytes: 0 },
      counts: {
        ...{ dispatches: 48, compilations: 0, prefetchedBytes: 0, copiedBytes: 182_452_224 },
        host: {
          ...{ norms: 26, classifierProducts: 3, losses: 1, weightGradients: 84, updates: 0 },
          ...{ copiedBytes: 39_321_600, convertedElements: 589_824, addedElements: 0, foldedElements: 0 },
        },
        waits: { kernels: 48, hostMath: 4, hostThreads: 45 },
      },
    },
  },
  qwen: {
    dynamic: {
      ...{ forwardBytes: 572_522_496, backwardBytes: 458_752_000, stagedBytes: 1_768_947_712 },
      counts: {
        ...{ dispatches: 1120, compilations: 0, prefetchedBytes: 0, copiedBytes: 12_081_692_672 },
        host: {
          ...{ norms: 1140, classifierProducts: 30, losses: 10, weightGradients: 2520, updates: 310 },
          ...{
            copiedBytes: 1_908_408_320,
            convertedElements: 2_621_440,
            addedElements: 3_162_112_000,
            foldedElements: 0,
          },
        },
        waits: { kernels: 1120, hostMath: 15, hostThreads: 1083 },
      },
    },
  },
  qwenCompact: {
    dynamic: {
      ...{ forwardBytes: 572_522_496, backwardBytes: 458_752_000, stagedBytes: 0 },
      counts: {
        ...{ dispatches: 112, compilations: 0, prefetchedBytes: 0, copiedBytes: 1_031_274_496 },
        host: {
          ...{ norms: 114, classifierProducts: 3, losses: 1, weightGradients: 252, updates: 0 },
          ...{ copiedBytes: 190_840_832, convertedElements: 262_144, addedElements: 0, foldedElements: 0 },
        },
        waits: { kernels: 112, hostMath: 4, hostThreads: 109 },
      },
    },
    static: {
      ...{ forwardBytes: 352_321_536, backwardBytes: 400_031_744, stagedBytes: 0 },
      counts: {
        ...{ dispatches: 112, compilations: 0, prefetchedBytes: 0, copiedBytes: 752_353_280 },
        host: {
          ...{ norms: 58, classifierProducts: 3, losses: 1, weightGradients: 252, updates: 0 },
          ...{ copiedBytes: 190_840_832, convertedElements: 786_432, addedElements: 0, foldedElements: 0 },
        },
        waits: { kernels: 112, hostMath: 4, hostThreads: 109 },
      },
    },
  },
  layer: {
    dynamic: {
      ...{ forwardBytes: 21_233_664, backwardBytes: 18_350_080, stagedBytes: 0 },
      counts: {
        ...{ dispatches: 4, compilations: 0, prefetchedBytes: 0, copiedBytes: 39_583_744 },
        host: {
          ...{ norms: 6, classifierProducts: 3, losses: 1, weightGradients: 7, updates: 0 },
          ...{ copiedBytes: 6_553_600, convertedElements: 393_216, addedElements: 0, foldedElements: 0 },
        },
        waits: { kernels: 4, hostMath: 4, hostThreads: 3 },
      },
    },
    static: {
      ...{ forwardBytes: 14_155_776, backwardBytes: 16_252_928, stagedBytes: 0 },
      counts: {
        ...{ dispatches: 4, compilations: 0, prefetchedBytes: 0, copiedBytes: 30_408_704 },
        host: {
          ...{ norms: 4, classifierProducts: 3, losses: 1, weightGradients: 7, updates: 0 },
          ...{ copiedBytes: 6_553_600, convertedElements: 1_179_648, addedElements: 0, foldedElements: 0 },
        },
        waits: { kernels: 4, hostMath: 4, hostThreads: 3 },
      },
    },
  },
};

/** Constants that have changed, as they were at commit 8c34a7e, by chip, with the sources and notes that they had. */
export const figuresBefore = {
  m4: {
    host: {
      copyGBps: {
        value: 9,
        source: 'MAD',
        grade: 'C',
        note: 'fitted: 27 ms of copies in a dynamic step, which convert',
      },
      gemmGflops: { value: 1128, source: 'MAD #3', grade: 'C', note: 'fitted: a step with static weights, 109 ms' },
    },
    clock: {
      weightGBps: { value: 57, source: 'MAD #3', grade: 'B', note: 'fitted: 2048² and 3072²' },
      conflictShare: { value: 0.63, source: 'MAD #3', grade: 'B', note: 'fitted: 4096²' },
    },
  },
  'm4-pro': {
    host: {
      copyGBps: { value: 9, source: 'MAD', grade: 'C', note: 'taken from m4' },
      gemmGflops: { value: 2390, source: 'MAD #3', grade: 'C', note: 'fitted: a step with static weights, 71 ms' },
      adamwPerUs: { value: 2960, source: 'FSP', grade: 'C', note: 'taken from m4' },
    },
    clock: {},
  },
} as const satisfies Readonly<Record<string, Readonly<Record<'host' | 'clock', Readonly<Record<string, Figure>>>>>>;

/** A chip with the constants that it had. */
export function profileBefore(chip: keyof typeof figuresBefore): ChipProfile {
  const profile = loadProfile(chip);
  const { host, clock } = figuresBefore[chip];
  return { ...profile, host: { ...profile.host, ...host }, clock: { ...profile.clock, ...clock } };
}
