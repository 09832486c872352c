import { isMayflyError } from '@mayfly/native';
import {
  convolution,
  convolutionChain,
  normalizationBackward,
  packedProduct,
  softmaxOver,
} from '../chips/probe-programs.js';
import { programForm } from '../machine/device.js';
import { Arena } from '../memory/arena.js';
import { ArenaScope } from '../memory/scope.js';
import type { MilOptions } from '../mil/graph.js';
import type { MilProgram } from '../mil/types.js';
import { fillWeightFile } from '../mil/weight-file.js';
import { ProbeWorker } from './probe-worker.js';

/** One program of the ladder. */
export interface LadderStep {
  readonly what: string;
  readonly weightBytes: number;
  readonly textBytes: number;
  /** Null if it did not compile. */
  readonly compileMs: number | null;
  /** Why it did not compile. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

interface LadderOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((what: string) => void) | undefined;
}

type Rung = readonly [what: string, program: (form: MilOptions) => MilProgram];

const family = (
  sizes: readonly number[],
  nameOf: (size: number) => string,
  write: (size: number, form: MilOptions) => MilProgram,
): Rung[] => sizes.map((size) => [nameOf(size), (form) => write(size, form)]);

/** Programs of growing size, family by family: weights, depth, weights in the input, and the operations of a layer. */
const ladder: readonly Rung[] = [
  ...family(
    [64, 256, 512, 1024, 2048, 4096],
    (channels) => `convolution ${channels} → ${channels}`,
    (channels, form) => convolution(channels, channels, 64, form),
  ),
  ...family(
    [8, 32, 128],
    (depth) => `${depth} convolutions of 256`,
    (depth, form) => convolutionChain({ depth, channels: 256, columns: 64 }, form),
  ),
  ...family(
    [64, 256, 768, 2048],
    (side) => `product with a ${side} × ${side} matrix in the input`,
    (side, form) => packedProduct(64, side, form),
  ),
  ...family(
    [256, 1024, 8192],
    (channels) => `softmax over ${channels}`,
    (channels, form) => softmaxOver(channels, 64, form),
  ),
  ...family(
    [256, 768, 2048],
    (channels) => `gradient of an RMSNorm of ${channels}`,
    (channels, form) => normalizationBackward(channels, 64, form),
  ),
];

const ARENA_BYTES = 2 ** 26;
const DEADLINE_MS = 60_000;

/**
 * Compiles, loads and unloads each program of the ladder on a device, in a child process. Every failure is part of the result; after one
 * that ends the process, the next program gets a new one.
 */
export async function compileLadder(device: string, { signal, onProgress }: LadderOptions): Promise<LadderStep[]> {
  const form = await programForm(device);
  const arena = new Arena(ARENA_BYTES);
  const steps: LadderStep[] = [];
  let worker: ProbeWorker | null = null;
  try {
    for (const [what, make] of ladder) {
      signal?.throwIfAborted();
      onProgress?.(what);
      const program = make(form);
      using scope = new ArenaScope(arena);
      const weights = program.weightFiles.map((layout) => {
        const { offset, bytes } = scope.tensor('uint8', [layout.bytes]);
        fillWeightFile(layout, new Map(), arena.native.view(offset, bytes));
        return { path: layout.path, offset, bytes };
      });
      const sizes = {
        weightBytes: weights.reduce((sum, { bytes }) => sum + bytes, 0),
        textBytes: Buffer.byteLength(program.text),
      };
      try {
        worker ??= new ProbeWorker(arena, device);
        await worker.ready(DEADLINE_MS);
        const started = performance.now();
        const info = await worker.compile(program.text, weights, DEADLINE_MS);
        const compileMs = performance.now() - started;
        await worker.unload(info.program, DEADLINE_MS);
        steps.push({ what, ...sizes, compileMs, error: null });
      } catch (error) {
        if (!isMayflyError(error)) throw error;
        const { code, message } = error;
        steps.push({ what, ...sizes, compileMs: null, error: { code, message } });
        if (code !== 'ERR_WORKER_LOST') continue;
        await worker?.end(DEADLINE_MS);
        worker = null;
      }
    }
    return steps;
  } finally {
    await worker?.end(DEADLINE_MS);
    arena.close();
  }
}
