import { totalmem } from 'node:os';
import { MayflyError } from '@mayfly/native';
import { Decoder, type DecoderOptions } from '../decoder/decoder.js';
import { blocksFor } from '../decoder/gradient-sums.js';
import { ArenaMeter } from '../memory/scope.js';

/** Memory that a run needs, in bytes. */
export interface MemoryNeeds {
  /** The fp32 masters. */
  readonly parameters: number;
  /** One copy for each sum of passes that waits for its neighbour. */
  readonly gradients: number;
  readonly moments: number;
  /** Inputs and outputs of kernels: activations, and the weights that kernels read. */
  readonly surfaces: number;
  /** Of the worker processes, about; with static weights also the constants of their programs. */
  readonly workers: number;
  /** Of the main process beside the arena, about. */
  readonly mainProcess: number;
  readonly total: number;
}

/** Resident memory of a worker and of the main process with small models, as measured on Linux. */
const WORKER_BYTES = 64 * 2 ** 20;
const MAIN_BYTES = 200 * 2 ** 20;
const HALF_BYTES = 2;

/**
 * @param plan A decoder that is trained, and the bytes of the arena that holds it. Default: just those.
 * @param workers Processes, standbys among them.
 */
export function memoryNeeds(plan: DecoderOptions & { readonly arenaBytes?: number }, workers: number): MemoryNeeds {
  const meter = new ArenaMeter();
  try {
    const { state } = new Decoder(meter, plan);
    const { passes = 1, config, weights, arenaBytes = meter.bytes } = plan;
    const table = passes === 1 ? 0 : 4 * config.vocab * config.dim;
    const parameters = state.parameters.bytes;
    const gradients = state.gradients.bytes * blocksFor(passes) + table;
    const moments = state.firstMoments.bytes + state.secondMoments.bytes;
    // The whole model is read before its rows are taken.
    const reading = state.compact === null ? 0 : 4 * state.compact.layout.count;
    const constants = weights === 'static' ? 2 * HALF_BYTES * state.layout.count : 0;
    const parts = {
      ...{ parameters, gradients, moments },
      surfaces: arenaBytes - parameters - gradients - moments,
      workers: workers * WORKER_BYTES + constants,
      mainProcess: MAIN_BYTES + reading,
    };
    return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
  } finally {
    meter.close();
  }
}

/** The memory that this process may use: the machine's, or that of its cgroup. */
export function memoryLimit(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** @throws `ERR_MEMORY` where a run needs more memory than there is, with the amounts and the ways to need less. */
export function expectMemory(needs: MemoryNeeds, limit: number = memoryLimit()): void {
  if (needs.total <= limit) return;
  const { parameters, gradients, moments, surfaces, workers } = needs;
  const parts = Object.entries({ parameters, gradients, moments, surfaces, workers }).map(
    ([name, bytes]) => `${name} ${gibibytes(bytes)}`,
  );
  throw new MayflyError(
    'ERR_MEMORY',
    `Expected a run that fits into ${gibibytes(limit)} of memory, got one that needs about ${gibibytes(needs.total)} (${parts.join(', ')}). ` +
      'Less is needed with --recompute, smaller --batch or --seq, --optimizer muon, fewer passes of --accumulate, or parts to --freeze',
  );
}

export const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
