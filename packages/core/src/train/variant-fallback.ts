import { isMayflyError } from '@mayfly/native';
import type { ArenaScope } from '../memory/scope.js';
import { isQuarantine } from '../pool/errors.js';
import type { Pool } from '../pool/pool.js';
import type { PoolOptions } from '../pool/pool-options.js';
import type { Decoder } from './decoder.js';
import { type PlannedDecoder, planDecoder } from './decoder-pool.js';
import type { KernelCompiler } from './timed-kernel.js';

/** A half of the layers whose programs the device refused, and the variant in which it goes on. */
export interface VariantMove {
  readonly half: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** Moves a half of a decoder's layers to its next variant when the device refuses a program of the one in use. */
export class VariantFallback {
  readonly #decoder: Decoder;
  readonly #compiler: KernelCompiler;
  readonly #place: Pool | PoolOptions;
  readonly #failed: Record<string, Record<string, string>> = {};
  #plan: PlannedDecoder;
  #layersSource: ArenaScope;

  /**
   * @param place What the plan was made for.
   * @param compiler What stands between the pool and the decoder. Default: nothing.
   * @param layersSource That of the decoder's layers.
   */
  constructor(
    decoder: Decoder,
    plan: PlannedDecoder,
    place: Pool | PoolOptions,
    {
      pool,
      compiler = pool,
      layersSource,
    }: { readonly pool: Pool; readonly compiler?: KernelCompiler; readonly layersSource: ArenaScope },
  ) {
    this.#decoder = decoder;
    this.#plan = plan;
    this.#place = place;
    this.#compiler = compiler;
    this.#layersSource = layersSource;
  }

  /** How the decoder's programs are written now. */
  get plan(): PlannedDecoder {
    return this.#plan;
  }

  /** Compiles the decoder's kernels, in the next variant where the device refuses one. */
  async load(): Promise<void> {
    try {
      await this.#decoder.load(this.#compiler);
    } catch (error) {
      await this.moveFrom(error);
    }
  }

  /**
   * Writes and compiles the layers anew, with the next variant of the half whose kernel failed. Parameters, moments and everything
   * else stay as they are. Nothing may run.
   *
   * @param error Of a kernel that the pool gave up on.
   * @throws The same error where it is of another kind, or the variant was forced; `ERR_NO_VARIANT` where none is left.
   */
  async moveFrom(error: unknown): Promise<VariantMove> {
    const half = this.#halfOf(error);
    const from = half === null ? undefined : this.#plan.form.variants?.[half];
    if (half === null || from === undefined) throw error;
    const { cause, message } = error as Error;
    const reason = (cause instanceof Error ? cause.message : message).split('\n')[0]!.replace(/; its last words:$/, '');
    this.#failed[half] = { ...this.#failed[half], [from]: `in use: ${reason}` };
    const plan = await planDecoder(this.#plan, this.#place, this.#failed);
    const to = plan.form.variants![half]!;
    if (to === from) throw error;
    this.#plan = plan;
    await this.#decoder.clearLayers();
    this.#layersSource.free();
    this.#decoder.writeLayers(this.#layersSource, plan.form);
    const move = { half, from, to, reason };
    process.emitWarning(`${half} moves from variant ${from} to ${to}: ${reason}`, {
      type: 'MayflyWarning',
      code: 'MAYFLY_VARIANT',
    });
    try {
      await this.#decoder.load(this.#compiler);
    } catch (next) {
      return { ...move, to: (await this.moveFrom(next)).to };
    }
    return move;
  }

  /** The half whose kernel the pool gave up on; null for other errors. */
  #halfOf(error: unknown): string | null {
    if (!isMayflyError(error) || !isQuarantine(error) || !('kernel' in error)) return null;
    const parts = String(error.kernel).split('.');
    return Object.keys(this.#plan.form.variants ?? {}).find((half) => parts.includes(half)) ?? null;
  }
}
