import { MayflyError } from '@mayfly/native';
import type { Refusals } from '../machine/choices.js';
import { programForm, resolveDevice } from '../machine/device.js';
import type { ModelConfig } from '../model/config.js';
import { createPool, Pool } from '../pool/pool.js';
import type { PoolOptions } from '../pool/pool-options.js';
import type { ProgramForm } from '../programs/form.js';
import type { CanaryOptions } from './canary-device.js';
import { checkChipRules } from './chip-rules.js';
import { chooseForm, needsCanaries } from './choose-form.js';
import { arenaBytesFor } from './decoder.js';
import { type FrozenPart, type LayerPlan, type LayersOption, planLayers } from './layer-plan.js';
import type { ParameterRules } from './parameter-groups.js';

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
  /** How its parameters are updated. Default: all by AdamW. */
  readonly rules?: ParameterRules | undefined;
  readonly training: boolean;
  /** Passes whose gradients are summed into one step. Default 1. */
  readonly passes?: number;
  /** Bytes of the arena beside the decoder's. Default 0. */
  readonly extraBytes?: number;
  /** The option `variant`. */
  readonly variant?: string | undefined;
  /** Called before each canary of the choice of programs, with the canary's name. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** The requirements of a decoder, determined before its pool is open. */
export interface PlannedDecoder extends DecoderPlan {
  /** Dialect and weight files that the device requires of programs, and the variants that it runs. */
  readonly form: ProgramForm;
  /** Why the programs are not written in the first form, a line for each half or axis. */
  readonly formNotes: readonly string[];
  /** Warnings of the device's chip about the programs, in one line; null if there are none. */
  readonly chipWarning: string | null;
  readonly arenaBytes: number;
}

/**
 * Determines the requirements of a decoder on a device before a pool starts.
 *
 * @param failed Variants of each half that failed in use, with the reasons.
 * @throws `ERR_CHIP_RULES`, `ERR_NO_VARIANT`, `ERR_DEVICE_UNAVAILABLE`.
 */
export async function planDecoder(
  plan: DecoderPlan,
  given: Pool | PoolOptions,
  failed: Readonly<Record<string, Refusals>> = {},
): Promise<PlannedDecoder> {
  const device = given instanceof Pool ? given.device : resolveDevice(given.device ?? 'auto').device;
  const { config, batch, sequence, weights, layers, training, variant, onProgress } = plan;
  const plans = planLayers(config, weights, layers);
  const shape = { ...config, batch, sequence };
  const pool = given instanceof Pool ? {} : given;
  const { form, notes: formNotes } = await chooseForm({
    ...{ device, pool: canaryPool(pool), signal: pool.signal, form: await programForm(device) },
    ...{ shape, plans, training, variant, failed, onProgress },
  });
  const chipWarning = checkChipRules(device, { shape, weights, plans, form, training });
  const own = arenaBytesFor({ ...plan, form }) + (plan.extraBytes ?? 0);
  // Only what is used is committed.
  const arenaBytes = own + (needsCanaries(device) ? largestForm(plan, plans, form) : 0);
  return { ...plan, form, formNotes, chipWarning, arenaBytes };
}

/** Bytes for layers of any variant beside the others, which a device may refuse later. */
function largestForm(plan: DecoderPlan, plans: readonly LayerPlan[], form: ProgramForm): number {
  const blocks = plans.flatMap(({ definition }) => definition.blocks);
  const rungs = Math.max(1, ...blocks.map(({ variants = [] }) => variants.length));
  const sizes = Array.from({ length: rungs }, (_, rung) => {
    const names = blocks.flatMap(({ name, variants = [] }) => {
      const variant = variants[Math.min(rung, variants.length - 1)];
      return variant === undefined ? [] : [[name, variant.name] as const];
    });
    return arenaBytesFor({ ...plan, form: { ...form, variants: Object.fromEntries(names) } });
  });
  return Math.max(...sizes);
}

/** What canaries have in common with the pool that the programs are for. */
const canaryPool = ({ env, execArgv, pacing, timeouts }: PoolOptions): CanaryOptions['pool'] => ({
  ...(env && { env }),
  ...(execArgv && { execArgv }),
  ...(pacing && { pacing }),
  ...(timeouts && { timeouts }),
});

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
