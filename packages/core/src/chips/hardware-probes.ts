import { MayflyError } from '@mayfly/native';
import { abortSignal, callback, text, whole } from '../check.js';
import { ArenaScope } from '../memory/scope.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { createPool, type Pool } from '../pool/pool.js';
import { type ProbeCase, probeCases } from './probe-cases.js';

export type HardwareProbe = keyof typeof probeCases;

/** One line of a probe's table. */
export interface ProbeLine {
  readonly what: string;
  readonly weightBytes: number;
  readonly flops: number;
  readonly compileMs: number | null;
  /** By the device's clock, the median; null where it was not run. */
  readonly evaluateUs: number | null;
  /** 10¹² per second. */
  readonly teraflops: number | null;
  /** Why it was not run; empty if it was. */
  readonly reason: string;
}

export interface ProbeRunOptions {
  /** Default `ane`. */
  readonly device?: string | undefined;
  /** Evaluations of each program, after a first one. Default 20. */
  readonly repeat?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told before each program. */
  readonly onProgress?: ((what: string, index: number, count: number) => void) | undefined;
}

/** The table of `ProbeRunOptions`. */
export const probeRunOptions = {
  device: { rule: text, default: 'ane', flag: '--device <name>', help: 'ane, cpu, or sim:<chip>,clock' },
  repeat: { rule: whole(1), default: 20, flag: '--repeat <n>', help: 'evaluations of each program, after a first one' },
  signal: { rule: abortSignal },
  onProgress: { rule: callback<NonNullable<ProbeRunOptions['onProgress']>>() },
} as const satisfies OptionTable<ProbeRunOptions>;

/** Runs a probe's programs one after the other. Errors: those of `createPool`. */
export async function runProbe(probe: HardwareProbe, given: ProbeRunOptions): Promise<readonly ProbeLine[]> {
  const { options } = resolveOptions('runProbe', probeRunOptions, given);
  const { device, repeat, signal, onProgress } = options;
  const cases: readonly ProbeCase[] = probeCases[probe]();
  const lines: ProbeLine[] = [];
  let pool: Pool | null = null;
  try {
    for (const [index, each] of cases.entries()) {
      onProgress?.(each.what, index, cases.length);
      const { environment } = each;
      if (environment !== undefined) await pool?.close();
      if (pool === null || environment !== undefined) {
        pool = await createPool({ device, standby: 0, env: { ...process.env, ...environment } });
      }
      lines.push(await runCase(each, pool, repeat, signal));
    }
    return lines;
  } finally {
    await pool?.destroy();
  }
}

async function runCase(
  { what, text, weights, input: from, output: to, weightBytes, flops }: ProbeCase,
  pool: Pool,
  repeat: number,
  signal: AbortSignal | undefined,
): Promise<ProbeLine> {
  using scope = new ArenaScope(pool.arena);
  const input = scope.tensor('fp16', from);
  const output = scope.tensor('fp16', to);
  const started = performance.now();
  try {
    const kernel = await pool.compile({ name: what, text, weights: weights() }, { signal });
    const compileMs = performance.now() - started;
    for (let run = 0; run <= repeat; run++) await kernel.run(input, output, { signal });
    const evaluateUs = kernel.stats().evaluation.p50Us;
    await kernel.dispose();
    return { what, weightBytes, flops, compileMs, evaluateUs, teraflops: flops / evaluateUs / 1e6, reason: '' };
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error;
    return { what, weightBytes, flops, compileMs: null, evaluateUs: null, teraflops: null, reason: error.message };
  }
}
