import { Arena } from '../memory/arena.js';
import { MilBuilder } from '../mil/builder.js';
import type { MilProgram } from '../mil/types.js';
import { fillWeightFile } from '../mil/weight-file.js';

const CHANNELS = 64;

const STEPS = 2 ** 10;
/** Number of programs that differ. */
export const PROBE_VARIANTS = STEPS ** 2;

/** A small convolution that breaks no rule of any chip. Each `variant` differs, so that no cache of compiled programs knows it. */
export function probeProgram(variant: number): MilProgram {
  const b = new MilBuilder();
  const input = b.input('a', 'fp16', [1, CHANNELS, 1, 512]);
  const product = b.conv(input, b.weight('probe_weight', [CHANNELS, CHANNELS, 1, 1]));
  const [low, high] = [variant % STEPS, Math.floor(variant / STEPS) % STEPS];
  b.output('out', b.mul(b.mul(product, 1 + low / STEPS), 1 + high / STEPS));
  return b.build();
}

/** An arena that holds the weights of all variants: the identity. */
export class ProbeArena extends Arena {
  readonly weights: readonly { readonly path: string; readonly offset: number; readonly bytes: number }[];

  constructor() {
    super(1 << 24);
    const identity = new Float32Array(CHANNELS * CHANNELS);
    for (let channel = 0; channel < CHANNELS; channel++) identity[channel * (CHANNELS + 1)] = 1;
    this.weights = probeProgram(0).weightFiles.map((layout) => {
      const { offset } = this.allocate(layout.bytes);
      fillWeightFile(layout, new Map([['probe_weight', identity]]), this.native.view(offset, layout.bytes));
      return { path: layout.path, offset, bytes: layout.bytes };
    });
  }
}
