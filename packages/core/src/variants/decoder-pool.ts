import { availableParallelism } from 'node:os';
import { elementCount, isSimName, MayflyError, parseSimName } from '@mayfly/native';
import { arenaBytesFor, type DecoderOptions, measureDecoder } from '../decoder/decoder.js';
import { type LayerPlan, planLayers } from '../decoder/layer-plan.js';
import type { Refusals } from '../machine/choices.js';
import { programForm, resolveDevice } from '../machine/device.js';
import type { MilProgram } from '../mil/types.js';
import { createPool, Pool } from '../pool/pool.js';
import { type PoolOptions, resolvePoolOptions } from '../pool/pool-options.js';
import type { Budget } from '../pool/worker/budget.js';
import type { ProgramForm } from '../programs/form.js';
import { CanaryDevice, type CanaryOptions } from './canary-device.js';
import { checkChipRules } from './chip-rules.js';
import { type Choices, chooseForm, type Exclusions, needsCanaries } from './choose-form.js';

/** A decoder that a pool has to have room for. */
export interface DecoderPlan
  extends Omit<DecoderOptions, 'form' | 'layersSource' | 'precision' | 'hostThreads' | 'training'> {
  readonly training: boolean;
  /** Bytes of the arena beside the decoder's. Default 0. */
  readonly extraBytes?: number;
  /** Where the classifier's products should run; the form says where they do. Default: `host`. */
  readonly classifier?: 'host' | 'device' | undefined;
  /** Names of blocks whose weight gradients should be made on the device; the form says which are. Default: none. */
  readonly weightGradients?: readonly string[] | undefined;
  /** The option `variant`. */
  readonly variant?: string | undefined;
  /** What other ranks' devices refuse. Default: nothing. */
  readonly excluded?: Exclusions | undefined;
  /** Called before each canary of the choice of programs, with the canary's name. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** The requirements of a decoder, determined before its pool is open. */
export interface PlannedDecoder extends DecoderPlan {
  /** Dialect and weight files that the device requires of programs, and the variants that it runs. */
  readonly form: ProgramForm;
  /** What of the form was chosen, on which all ranks have to agree. */
  readonly choices: Choices;
  /** Why the programs are not written in the first form, a line for each half or axis. */
  readonly formNotes: readonly string[];
  /** Warnings of the device's chip about the programs, in one line; null if there are none. */
  readonly chipWarning: string | null;
  readonly arenaBytes: number;
  /** Passes of a step that run at the same time. */
  readonly inFlight: number;
  /** How many of these document masks take; null without them. */
  readonly documentMaskBytes: number | null;
  /** Processes that hold its kernels within their budget; those that were asked for, if any were. */
  readonly workers: number | undefined;
  /** Why several, in one line; null for one, and where they were asked for. */
  readonly workersNote: string | null;
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
  const { config, batch, sequence, weights, layers, training, variant, excluded, documentMask, onProgress } = plan;
  const plans = planLayers({ ...config, documentMask }, weights, layers, plan.lora);
  const shape = { ...config, batch, sequence };
  const pool = given instanceof Pool ? {} : given;
  const {
    form,
    choices,
    notes: formNotes,
  } = await chooseForm({
    ...{ device, pool: canaryPool(pool), signal: pool.signal, form: await programForm(device) },
    ...{ shape, plans, training, variant, failed, excluded, onProgress, weightGradients: plan.weightGradients },
    ...(plan.classifier === 'device' && {
      classifier: { dim: config.dim, vocab: config.vocab, columns: batch * sequence },
    }),
  });
  const chipWarning = checkChipRules(device, { shape, weights, plans, form, training });
  const { kernels } = measureDecoder({ ...plan, form, inFlight: 1 });
  const processes = workersFor(kernels, given);
  const inFlight = passesInFlight({ ...plan, form }, given, device, processes.workers ?? 1);
  const { bytes } = measureDecoder({ ...plan, form, inFlight });
  const own = bytes + (plan.extraBytes ?? 0);
  // Only what is used is committed.
  const arenaBytes = own + (needsCanaries(device) ? largestForm({ ...plan, inFlight }, plans, form) : 0);
  const documentMaskBytes = documentMask
    ? bytes - measureDecoder({ ...plan, form, inFlight, documentMask: false }).bytes
    : null;
  return {
    ...plan,
    form,
    choices,
    formNotes,
    chipWarning,
    arenaBytes,
    documentMaskBytes,
    inFlight,
    ...processes,
  };
}

/**
 * As many passes as there are workers for; of a device that is this machine's processor, no more than it has cores. Fewer where the workers'
 * budget does not hold the kernels of so many.
 */
function passesInFlight(
  { passes = 1, inFlight, ...plan }: DecoderPlan & { readonly form: ProgramForm },
  given: Pool | PoolOptions,
  device: string,
  workers: number,
): number {
  if (inFlight !== undefined) return Math.min(passes, inFlight);
  let most = Math.min(passes, device === 'ane' ? workers : Math.min(workers, availableParallelism()));
  if (most === 1) return 1;
  const [, held] = tightestLimit(given);
  const room = workers * held - (given instanceof Pool ? given.stats().kernels.length : 0);
  while (most > 1 && measureDecoder({ ...plan, passes, inFlight: most }).kernels > room) most--;
  return most;
}

/** Of the limits of one process, that which holds the fewest kernels. */
function tightestLimit(given: Pool | PoolOptions): readonly [limit: string, most: number] {
  const { device, budget } = given instanceof Pool ? given : resolvePoolOptions({ ...given, signal: undefined });
  const limits = Object.entries(processLimits(device, budget)).sort(([, a], [, b]) => a - b);
  return limits[0]!;
}

/** As many workers as the budget of one demands for so many kernels. */
function workersFor(kernels: number, given: Pool | PoolOptions): Pick<PlannedDecoder, 'workers' | 'workersNote'> {
  if (given instanceof Pool || given.workers !== undefined) {
    return { workers: given.workers, workersNote: null };
  }
  const [limit, most] = tightestLimit(given);
  const workers = Math.ceil(kernels / most);
  const workersNote =
    workers === 1
      ? null
      : `${workers}, since the model has ${kernels} programs, and one process may have ${most} (${limit})`;
  return { workers, workersNote };
}

/** The least of the budget and, of a simulated chip, its limits. */
function processLimits(device: string, { compilations, livePrograms }: Budget): Record<string, number> {
  const limits = isSimName(device) ? parseSimName(device).profile.limits : null;
  return {
    compilations: Math.min(compilations, limits?.compilations.value ?? compilations),
    'live programs': Math.min(livePrograms, limits?.livePrograms.value ?? livePrograms),
  };
}

/** Why the device does not take a program at its real size, in a process of its own; null if it does. */
export async function programRefusal(
  program: MilProgram,
  given: Pool | PoolOptions,
  onProgress?: (text: string) => void,
): Promise<string | null> {
  const pool = given instanceof Pool ? {} : given;
  const device = given instanceof Pool ? given.device : resolveDevice(given.device ?? 'auto').device;
  onProgress?.('a program at its real size');
  const files = program.weightFiles.reduce((sum, { bytes }) => sum + bytes, 0);
  const surfaces = [...program.inputs, ...program.outputs].reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
  await using judge = new CanaryDevice({
    ...{ device, pool: canaryPool(pool), signal: pool.signal, arenaBytes: 2 * (files + surfaces) + 2 ** 20 },
  });
  return await judge.accepts(program);
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

/** Threads for each of so many processes, or pools, that share the processors. */
export const shareOfProcessors = (sharing: number): number => Math.max(1, Math.floor(availableParallelism() / sharing));

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
 * @param sharing Pools that share the processors, this one among them. Default: 1.
 * @throws `ERR_ARENA_FULL` where the arena is too small, or the system has no memory left.
 */
export async function openDecoderPool(
  { arenaBytes, workers }: PlannedDecoder,
  given: Pool | PoolOptions,
  sharing = 1,
): Promise<Pool> {
  const open = (options: PoolOptions) => {
    const threads = options.threads ?? (sharing === 1 ? undefined : shareOfProcessors(sharing * (workers ?? 1)));
    return createPool({ arenaBytes, ...options, threads, workers });
  };
  const pool = given instanceof Pool ? given : await open(given);
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
