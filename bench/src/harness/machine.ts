import { compileC } from './compile-c.js';
import { runForJson } from './run-script.js';

/** What the machine can do at most. */
export interface Machine extends Record<string, number> {
  /** Fused multiply-adds on registers, GFLOP/s; 0 where the processor has no such vectors. */
  readonly avx512: number;
  readonly avx2: number;
  /** Memory read and written again as an optimizer does, GB/s. */
  readonly stream: number;
}

/** Throws on processors other than x86-64, and where there is no C compiler. */
export const measureMachine = (threads: number): Promise<Machine> =>
  runForJson<Machine>(compileC('floor/machine', ['-pthread']), [String(threads)]);
