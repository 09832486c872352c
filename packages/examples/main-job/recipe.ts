import type { NamedConfig, TrainOptions } from '@mayfly/core';

/** A byte-level decoder of 0.8 million parameters. */
export const model: NamedConfig = {
  name: 'main-job',
  ...{ dim: 128, hidden: 384, layers: 4, heads: 4, kvHeads: 2, headDim: 32, vocab: 256, sequence: 128 },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'interleaved', tiedHead: true },
};

/** Found by trying: what two cores can do with that model in a minute. */
export const training = {
  steps: 800,
  warmup: 50,
  /** Evaluations after which a worker retires: a few times per run. */
  evaluations: 4000,
  options: {
    batch: 8,
    seq: 128,
    lr: 4e-3,
    schedule: 'cosine',
    minLr: 1e-4,
    weightDecay: 0.1,
  },
} as const satisfies { steps: number; warmup: number; evaluations: number; options: TrainOptions };
