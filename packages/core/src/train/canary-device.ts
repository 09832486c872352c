import { setTimeout as sleep } from 'node:timers/promises';
import { isMayflyError, MayflyError } from '@mayfly/native';
import { resolvePacing } from '../pool/fleet/governor.js';
import { createPool, type Pool } from '../pool/pool.js';
import type { PoolOptions } from '../pool/pool-options.js';
import type { PoolProgram } from '../pool/types.js';
import type { LayerPlan } from './layer-plan.js';
import { type LayerCase, runLayer } from './run-layer.js';
import type { KernelCompiler } from './timed-kernel.js';

/** Compilations of one choice, over all that it tries. */
export const MOST_COMPILATIONS = 40;
const ARENA_BYTES = 2 ** 28;
/** Many times what a small program takes: a service that has not answered by then hangs. */
const DEADLINE_MS = 30_000;

/** Errors that say nothing about a program: the device has no room, or none of its processes starts. */
const notOfPrograms: ReadonlySet<string> = new Set(['ERR_DEVICE_LIMIT', 'ERR_POOL_FAILED', 'ERR_POOL_CLOSED']);

/** Where and how canaries run. */
export interface CanaryOptions {
  readonly device: string;
  /** Of the pool that the programs are chosen for: its environment and its pacing. */
  readonly pool: Pick<PoolOptions, 'env' | 'execArgv' | 'pacing' | 'timeouts'>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs canaries on a device, in a process of its own: a pool of one worker, which repeats nothing. A process in which a program failed
 * is ended, since what runs there afterwards may fail for no fault of its own.
 */
export class CanaryDevice implements AsyncDisposable {
  readonly #options: CanaryOptions;
  #pool: Pool | null = null;
  #compilations = 0;
  /** Texts of programs that were refused, with the reasons: variants have programs in common. */
  readonly #refused = new Map<string, string>();
  #mustPause = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  /** Programs that were sent to the compiler. */
  get compilations(): number {
    return this.#compilations;
  }

  /**
   * Runs one layer, as `runLayer` does.
   *
   * @returns Output and gradients, or the reason why the device does not run it.
   * @throws The signal's reason; errors that are not the program's.
   */
  async run(plan: LayerPlan, given: LayerCase): Promise<Record<string, Float32Array> | string> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const pool = await this.#open();
    const end = () => void pool.destroy();
    signal?.addEventListener('abort', end, { once: true });
    try {
      return await runLayer(this.#counting(pool), plan, given);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isMayflyError(error) || notOfPrograms.has(error.code)) throw error;
      await this.#close();
      this.#mustPause = error.code !== 'ERR_NO_VARIANT';
      return reasonOf(error);
    } finally {
      signal?.removeEventListener('abort', end);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  async #open(): Promise<Pool> {
    const { device, pool, signal } = this.#options;
    if (this.#mustPause) {
      await sleep(resolvePacing(device, pool.pacing).failureMs, undefined, { ...(signal && { signal }) });
      this.#mustPause = false;
    }
    this.#pool ??= await createPool({
      ...pool,
      ...{ device, workers: 1, standby: 0, threads: 1, attempts: 1, arenaBytes: ARENA_BYTES, signal },
      budget: { compilations: MOST_COMPILATIONS, livePrograms: MOST_COMPILATIONS },
      timeouts: { compileMs: DEADLINE_MS, dispatchMs: DEADLINE_MS, ...pool.timeouts },
    });
    return this.#pool;
  }

  async #close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    await pool?.close();
  }

  /** Compiles one program after the other, none after a failure. */
  #counting(pool: Pool): KernelCompiler {
    let last: Promise<unknown> = Promise.resolve();
    const compile = async (program: PoolProgram) => {
      const known = this.#refused.get(program.text);
      if (known !== undefined) throw new MayflyError('ERR_NO_VARIANT', known);
      if (this.#compilations >= MOST_COMPILATIONS) {
        throw new MayflyError('ERR_NO_VARIANT', `not tried: ${MOST_COMPILATIONS} compilations were made before`);
      }
      this.#compilations += 1;
      try {
        return await pool.compile(program);
      } catch (error) {
        if (isMayflyError(error) && !notOfPrograms.has(error.code)) this.#refused.set(program.text, reasonOf(error));
        throw error;
      }
    };
    return {
      arena: pool.arena,
      compile(program) {
        const compiled = last.then(() => compile(program));
        last = compiled;
        // The caller gets the error; for the next program it only is the end of the chain.
        last.catch(() => {});
        return compiled;
      },
    };
  }
}

/** The device's own words, without those of the pool around them. */
function reasonOf(error: Error): string {
  const { cause } = error;
  const [line = ''] = (cause instanceof Error ? cause : error).message.split('\n');
  return line.replace(/^(?:\[[^\]]*\] )?Expected to (\w+) the program on .*?, got /, '$1: ');
}
