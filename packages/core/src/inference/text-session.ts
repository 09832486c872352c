import { addon, MayflyError } from '@mayfly/native';
import { areFinite, explainOverflow } from '../decoder/finite.js';
import { planLayers } from '../decoder/layer-plan.js';
import { type TextModel, wholeWindows } from '../decoder/text-model.js';
import { resolveDevice } from '../machine/device.js';
import { ArenaMeter, ArenaScope } from '../memory/scope.js';
import type { ModelSource } from '../model/load-model.js';
import { createPool, type Pool } from '../pool/pool.js';
import { CachedDecoder } from './cached-decoder.js';
import { type InferenceOptions, InferenceSession } from './inference-session.js';

/** A model that continues texts, on a private pool. */
export interface TextSession extends TextModel, AsyncDisposable {}

/**
 * Opens a model for generation. Device `cpu` keeps keys and values of earlier tokens; others, and programs in a form that was asked
 * for, run the whole window for every token, and a warning of the process says so.
 *
 * @param context Tokens of a text at most.
 */
export async function openTextSession(
  model: ModelSource,
  context: number,
  options: InferenceOptions,
): Promise<TextSession> {
  const { device } = resolveDevice(options.device ?? 'auto');
  if (options.threads !== undefined) addon.math.setThreads(options.threads);
  const reason =
    device !== 'cpu'
      ? `device ${device}`
      : options.weights === 'static'
        ? 'the form with static weights'
        : options.variant !== undefined
          ? `the form of variant ${options.variant}`
          : null;
  if (reason === null) return CachedSession.open(model, context, options);
  process.emitWarning(`every token runs the whole window: ${reason} has no cache of keys and values`, {
    type: 'MayflyWarning',
    code: 'MAYFLY_WHOLE_WINDOWS',
  });
  const session = await InferenceSession.open(model, 1, context, options);
  return {
    ...{ context, next: (text) => wholeWindows(session.decoder).next(text) },
    [Symbol.asyncDispose]: () => session.close(),
  };
}

/** Bytes of the arena for what programs take when they are first used. Only what is used is committed. */
const PROGRAM_BYTES = 2 ** 30;

class CachedSession implements TextSession {
  readonly #model: ModelSource;
  readonly #decoder: CachedDecoder;
  readonly #pool: Pool;
  readonly #options: InferenceOptions;

  private constructor(model: ModelSource, decoder: CachedDecoder, pool: Pool, options: InferenceOptions) {
    this.#model = model;
    this.#decoder = decoder;
    this.#pool = pool;
    this.#options = options;
  }

  static async open(model: ModelSource, context: number, options: InferenceOptions): Promise<CachedSession> {
    const { config } = model;
    const layers = planLayers(config, 'dynamic').map(({ definition }) => definition);
    const decoderOptions = { config, layers, context };
    const meter = new ArenaMeter();
    new CachedDecoder(meter, decoderOptions, () => pool);
    meter.close();
    const { device, workers, standby = 0, threads, precision } = options;
    const arenaBytes = meter.bytes + PROGRAM_BYTES;
    const pool = await createPool({ arenaBytes, device, workers, standby, threads, precision });
    try {
      await pool.arena.commit(meter.bytes);
      const decoder = new CachedDecoder(new ArenaScope(pool.arena), decoderOptions, () => pool);
      await decoder.parameters.load(model);
      return new CachedSession(model, decoder, pool, options);
    } catch (error) {
      await pool.destroy();
      throw error;
    }
  }

  get context(): number {
    return this.#decoder.context;
  }

  async next(text: readonly number[]): Promise<Float32Array> {
    const logits = await this.#decoder.next(text);
    if (!areFinite(logits)) throw await this.#notFinite(text);
    return logits;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }

  /** Whole windows show which layer overflows. */
  async #notFinite(text: readonly number[]): Promise<MayflyError> {
    await using session = await InferenceSession.open(this.#model, 1, text.length, this.#options);
    await session.decoder.forward(text);
    return new MayflyError(
      'ERR_NOT_FINITE',
      `the model's output is not finite: ${await explainOverflow(session.decoder)}`,
    );
  }
}
