import { setTimeout as sleep } from 'node:timers/promises';
import { isMayflyError } from '@mayfly/native';
import { ArenaScope } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { MilProgram } from '../mil/types.js';
import { fillWeightFile } from '../mil/weight-file.js';
import { resolvePacing } from '../pool/fleet/governor.js';
import { createPool, type Pool } from '../pool/pool.js';
import type { PoolOptions } from '../pool/pool-options.js';
import type { PoolProgram } from '../pool/types.js';
import { difference, type ProgramCase } from './canary-programs.js';

/** Compilations of one choice, over all that it tries. */
export const MOST_COMPILATIONS = 40;
const ARENA_BYTES = 2 ** 28;
/** Many times what a small program takes: a service that has not answered by then hangs. */
const DEADLINE_MS = 30_000;
/** For the request at work when the choice is aborted: a worker that is killed leaves its staged directories. */
const ABORT_MS = 2_000;

/** Errors that say nothing about a program: the device has no room, or none of its processes starts. */
const notOfPrograms: ReadonlySet<string> = new Set(['ERR_DEVICE_LIMIT', 'ERR_POOL_FAILED', 'ERR_POOL_CLOSED']);

/** Where and how canaries run. */
export interface CanaryOptions {
  readonly device: string;
  /** Of the pool that the programs are chosen for: its environment and its pacing. */
  readonly pool: Pick<PoolOptions, 'env' | 'execArgv' | 'pacing' | 'timeouts'>;
  /** Default: room for any canary. */
  readonly arenaBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Tells whether a device runs programs. */
export interface ProgramJudge extends AsyncDisposable {
  /** Programs that were sent to the compiler. */
  readonly compilations: number;
  /**
   * Compiles a program and evaluates it once.
   *
   * @returns The reason why the device does not run it, or wrong; null if it does.
   * @throws The signal's reason; errors that are not the program's.
   */
  check(given: ProgramCase): Promise<string | null>;
}

/**
 * Runs canaries on a device, in a process of its own: a pool of one worker, which repeats nothing. A process in which a program failed
 * is ended, since what runs there afterwards may fail for no fault of its own.
 */
export class CanaryDevice implements ProgramJudge {
  readonly #options: CanaryOptions;
  #pool: Pool | null = null;
  #compilations = 0;
  #mustPause = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  get compilations(): number {
    return this.#compilations;
  }

  async check(given: ProgramCase): Promise<string | null> {
    const { text, weights, input, expected } = given;
    const got = await this.#run({ name: given.name, text, weights }, (scope) => {
      const tensors = [scope.tensor('fp16', input.shape), scope.tensor('fp16', expected.shape)] as const;
      tensors[0].set(input.values);
      return tensors;
    });
    return typeof got === 'string' ? got : difference(given, got);
  }

  /** As `check`, of a program of any size, whose inputs and weights are zero: whether it compiles, loads and evaluates. */
  async accepts({ text, weightFiles, inputs, outputs }: MilProgram): Promise<string | null> {
    const weights = Object.fromEntries(
      weightFiles.map((layout) => {
        const file = new Uint8Array(layout.bytes);
        fillWeightFile(layout, new Map(), file);
        return [layout.path, file];
      }),
    );
    const got = await this.#run({ text, weights }, (scope) => [
      scope.tensor('fp16', inputs[0]!.shape),
      scope.tensor('fp16', outputs[0]!.shape),
    ]);
    return typeof got === 'string' ? got : null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  /** The program's result, or the reason why there is none. */
  async #run(
    program: PoolProgram,
    tensors: (scope: ArenaScope) => readonly [Tensor<'fp16'>, Tensor<'fp16'>],
  ): Promise<Float32Array | string> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const pool = await this.#open();
    const end = () => void pool.close();
    signal?.addEventListener('abort', end, { once: true });
    const scope = new ArenaScope(pool.arena);
    try {
      const [input, output] = tensors(scope);
      this.#compilations += 1;
      await using kernel = await pool.compile(program);
      await kernel.run(input, output);
      return output.values();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isMayflyError(error) || notOfPrograms.has(error.code)) throw error;
      await this.#close();
      this.#mustPause = true;
      return reasonOf(error);
    } finally {
      scope.free();
      signal?.removeEventListener('abort', end);
    }
  }

  async #open(): Promise<Pool> {
    const { device, pool, arenaBytes = ARENA_BYTES, signal } = this.#options;
    if (this.#mustPause) {
      await sleep(resolvePacing(device, pool.pacing).failureMs, undefined, { ...(signal && { signal }) });
      this.#mustPause = false;
    }
    this.#pool ??= await createPool({
      ...pool,
      ...{ device, workers: 1, standby: 0, threads: 1, attempts: 1, arenaBytes, signal },
      budget: { compilations: MOST_COMPILATIONS, livePrograms: MOST_COMPILATIONS },
      timeouts: { closeMs: ABORT_MS, compileMs: DEADLINE_MS, dispatchMs: DEADLINE_MS, ...pool.timeouts },
    });
    return this.#pool;
  }

  async #close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    await pool?.close();
  }
}

/** The device's own words, without those of the pool around them. */
function reasonOf(error: Error): string {
  const { cause } = error;
  const [line = ''] = (cause instanceof Error ? cause : error).message.split('\n');
  return line.replace(/^(?:\[[^\]]*\] )?Expected to (\w+) the program on .*?, got /, '$1: ');
}
