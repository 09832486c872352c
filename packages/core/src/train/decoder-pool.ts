import { MayflyError } from '@mayfly/native';
import { programForm, resolveDevice } from '../machine/device.js';
import type { ModelConfig } from '../model/config.js';
import { createPool, Pool } from '../pool/pool.js';
import type { PoolOptions } from '../pool/pool-options.js';
import type { ProgramForm } from '../programs/form.js';
import { checkChipRules } from './chip-rules.js';
import { arenaBytesFor } from './decoder.js';
import { type FrozenPart, type LayersOption, planLayers } from './layer-plan.js';

/** A decoder that a pool has to have room for. */
export interface DecoderPlan {
  readonly config: ModelConfig;
  /** Windows per pass. */
  readonly batch: number;
  /** Tokens per window. */
  readonly sequence: number;
  readonly weights: 'dynamic' | 'static';
  /** The definition of each layer. Default: the decoder's own layer. */
  readonly layers?: LayersOption | undefined;
  /** Parts that are not trained. Default: none. */
  readonly freeze?: readonly FrozenPart[] | undefined;
  readonly training: boolean;
  /** Passes whose gradients are summed into one step. Default 1. */
  readonly passes?: number;
  /** Bytes of the arena beside the decoder's. Default 0. */
  readonly extraBytes?: number;
}

/** The requirements of a decoder, determined before its pool is open. */
export interface PlannedDecoder extends DecoderPlan {
  /** Dialect and weight files that the device requires of programs. */
  readonly form: ProgramForm;
  /** Warnings of the device's chip about the programs, in one line; null if there are none. */
  readonly chipWarning: string | null;
  readonly arenaBytes: number;
}

/**
 * Determines the requirements of a decoder on a device before a pool starts.
 *
 * @throws `ERR_CHIP_RULES`, `ERR_DEVICE_UNAVAILABLE`.
 */
export async function planDecoder(plan: DecoderPlan, given: Pool | PoolOptions): Promise<PlannedDecoder> {
  const device = given instanceof Pool ? given.device : resolveDevice(given.device ?? 'auto').device;
  const form = await programForm(device);
  const { config, batch, sequence, weights, layers, training } = plan;
  const plans = planLayers(config, weights, layers);
  const chipWarning = checkChipRules(device, { shape: { ...config, batch, sequence }, weights, plans, form, training });
  return { ...plan, form, chipWarning, arenaBytes: arenaBytesFor({ ...plan, form }) + (plan.extraBytes ?? 0) };
}

/**
 * The given pool, or one with these options and an arena that is just large enough, with the decoder's memory committed.
 *
 * @throws `ERR_ARENA_FULL` where the arena is too small, or the system has no memory left.
 */
export async function openDecoderPool({ arenaBytes }: PlannedDecoder, given: Pool | PoolOptions): Promise<Pool> {
  const pool = given instanceof Pool ? given : await createPool({ arenaBytes, ...given });
  try {
    const { arena } = pool;
    const free = arena.bytes - arena.usedBytes;
    if (free < arenaBytes) {
      const least = arena.usedBytes + arenaBytes;
      throw new MayflyError(
        'ERR_ARENA_FULL',
        `Expected ${arenaBytes} free bytes in the pool's arena for this run, got ${free}: raise arenaBytes to at least ${least}`,
      );
    }
    await arena.commit(arenaBytes);
    return pool;
  } catch (error) {
    if (pool !== given) await pool.close();
    throw error;
  }
}
