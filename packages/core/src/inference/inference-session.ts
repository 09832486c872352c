import { invalidArgument, type Precision } from '@mayfly/native';
import { callback } from '../check.js';
import { Decoder } from '../decoder/decoder.js';
import { checkValues } from '../decoder/finite.js';
import { ArenaScope } from '../memory/scope.js';
import type { ModelSource } from '../model/load-model.js';
import type { OptionTable } from '../option-table.js';
import type { Pool } from '../pool/pool.js';
import { poolOptions } from '../pool/pool-options.js';
import { needsCanaries } from '../variants/choose-form.js';
import { openDecoderPool, planDecoder } from '../variants/decoder-pool.js';
import { VariantFallback } from '../variants/variant-fallback.js';
import { adapterOption, variantOption, weightsOption } from './shared-options.js';

/** Where and how a model is run. */
export interface InferenceOptions {
  /** Default `auto`. */
  readonly device?: string | undefined;
  /** Default 1. */
  readonly workers?: number | undefined;
  /** Default 0. */
  readonly standby?: number | undefined;
  /** Threads of each worker's device, and of host math. Default: processors / workers, and all of them. */
  readonly threads?: number | undefined;
  /** Of matrix products, the cpu device's and host math's. Default `exact`. */
  readonly precision?: Precision | 'auto' | undefined;
  /** Default `dynamic`. */
  readonly weights?: 'dynamic' | 'static' | undefined;
  /** A folder of PEFT's adapters, or a LoRA run, whose adapters are added to the model's parameters. Default: none. */
  readonly adapter?: string | undefined;
  /** How programs are cut and written, as in training. Default: the first that the device runs. */
  readonly variant?: string | undefined;
  /** Called before each canary of the choice of programs, with the canary's name. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** The table of `InferenceOptions`. */
export const inferenceOptions = {
  device: poolOptions.device,
  workers: poolOptions.workers,
  standby: { ...poolOptions.standby, default: 0 },
  threads: { ...poolOptions.threads, derive: () => undefined },
  precision: poolOptions.precision,
  weights: weightsOption,
  adapter: adapterOption,
  variant: variantOption,
  onProgress: { rule: callback<NonNullable<InferenceOptions['onProgress']>>() },
} as const satisfies OptionTable<InferenceOptions>;

/** A model with its kernels on a private pool, ready for forward passes. */
export class InferenceSession implements AsyncDisposable {
  private constructor(
    readonly model: ModelSource,
    readonly decoder: Decoder,
    readonly pool: Pool,
  ) {}

  /**
   * @param batch Windows per pass.
   * @param sequence Tokens per window.
   * @param options `documentMask`: whether attention stays within the documents of a window. Default false.
   */
  static async open(
    model: ModelSource,
    batch: number,
    sequence: number,
    options: InferenceOptions & { readonly documentMask?: boolean | undefined },
  ): Promise<InferenceSession> {
    const { device, workers, standby = 0, threads, precision } = options;
    const { weights = 'dynamic', variant, documentMask, onProgress } = options;
    const given = { device, workers, standby, threads, precision };
    const shape = { config: model.config, batch, sequence, documentMask };
    const plan = await planDecoder({ ...shape, weights, variant, training: false, onProgress }, given);
    const { parameters } = model;
    if (parameters === undefined) throw invalidArgument('model', 'one with parameters', model.description);
    for (const note of plan.formNotes) process.emitWarning(note, { type: 'MayflyWarning', code: 'MAYFLY_VARIANT' });
    const pool = await openDecoderPool(plan, given);
    try {
      const layersSource = new ArenaScope(pool.arena);
      const decoder = new Decoder(new ArenaScope(pool.arena), { ...plan, layersSource, precision: pool.precision });
      await parameters(decoder.state.parameters.array());
      await checkValues(decoder.state, model.description);
      if (needsCanaries(pool.device)) await new VariantFallback(decoder, plan, given, { pool, layersSource }).load();
      else await decoder.load(pool);
      return new InferenceSession(model, decoder, pool);
    } catch (error) {
      await pool.destroy();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
