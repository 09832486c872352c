import type { Precision } from '@mayfly/native';
import { ArenaScope } from '../memory/scope.js';
import type { ModelSource } from '../model/load-model.js';
import type { OptionTable } from '../option-table.js';
import type { Pool } from '../pool/pool.js';
import { poolOptions } from '../pool/pool-options.js';
import { Decoder } from './decoder.js';
import { openDecoderPool, planDecoder } from './decoder-pool.js';
import { checkValues } from './finite.js';
import { weightsOption } from './shared-options.js';

/** Where and how a model is run. */
export interface InferenceOptions {
  /** Default `auto`. */
  readonly device?: string | undefined;
  /** Default 1. */
  readonly workers?: number | undefined;
  /** Default 0. */
  readonly standby?: number | undefined;
  /** Of matrix products, the cpu device's and host math's. Default `exact`. */
  readonly precision?: Precision | undefined;
  /** Default `dynamic`. */
  readonly weights?: 'dynamic' | 'static' | undefined;
}

/** The table of `InferenceOptions`. */
export const inferenceOptions = {
  device: poolOptions.device,
  workers: poolOptions.workers,
  standby: { ...poolOptions.standby, default: 0 },
  precision: poolOptions.precision,
  weights: weightsOption,
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
   */
  static async open(
    model: ModelSource,
    batch: number,
    sequence: number,
    { device, workers, standby = 0, precision, weights = 'dynamic' }: InferenceOptions,
  ): Promise<InferenceSession> {
    const given = { device, workers, standby, precision };
    const plan = await planDecoder({ config: model.config, batch, sequence, weights, training: false }, given);
    const pool = await openDecoderPool(plan, given);
    try {
      const decoder = new Decoder(new ArenaScope(pool.arena), { ...plan, precision: pool.precision });
      await model.parameters?.(decoder.state.parameters.array());
      await checkValues(decoder.state, model.description);
      await decoder.load(pool);
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
