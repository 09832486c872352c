import { isMayflyError } from '@mayfly/native';
import { DOCUMENT_START, type TokenStream, UNCOUNTED } from '../data/token-stream.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { countWindows } from '../data/windows.js';
import type { Decoder } from '../decoder/decoder.js';
import { windowLoss } from '../inference/window-loss.js';
import type { Ending } from './ending.js';
import type { Ranks } from './ranks.js';
import { sharedWindowLoss } from './shared-window-loss.js';

/** Tokens that are decoded at once. */
const CHUNK = 2 ** 16;

/** The result of one evaluation on the validation data. */
export interface Evaluation {
  /** Steps done before it. */
  readonly step: number;
  /** Mean over all targets, in nats per token; not finite where the forward pass overflowed. */
  readonly crossEntropy: number;
  /** The sum of the targets' losses in bits, over the bytes of their text; null without a tokenizer. */
  readonly bitsPerByte: number | null;
  /** Tokens that were predicted. */
  readonly targets: number;
  /** Wall time. */
  readonly ms: number;
  /** Whether the loss is lower than in every evaluation of the run before. */
  readonly isBest: boolean;
  /** Evaluations since the one with the lowest loss. */
  readonly sinceBest: number;
}

/** The evaluation with the lowest loss. */
export type BestEvaluation = Pick<Evaluation, 'step' | 'crossEntropy' | 'bitsPerByte'>;

/** What checkpoints keep of a run's evaluations. */
export interface ValidationState {
  /** The step of the last one; null before the first. */
  readonly step: number | null;
  readonly best: BestEvaluation | null;
  readonly sinceBest: number;
}

export interface ValidationSchedule {
  readonly steps: number;
  readonly evaluateEvery: number;
  /** 0: all. */
  readonly evaluateWindows: number;
  /** 0: without end. */
  readonly patience: number;
}

/** Measures the loss on validation data, on the kernels of training, and remembers the lowest. */
export class Validation {
  readonly #decoder: Decoder;
  readonly #ranks: Ranks;
  readonly #stream: TokenStream;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #schedule: ValidationSchedule;
  readonly #windows: number;
  #bytes: number | null | undefined;
  #state: ValidationState;

  constructor(
    decoder: Decoder,
    ranks: Ranks,
    stream: TokenStream,
    tokenizer: Tokenizer | undefined,
    schedule: ValidationSchedule,
    state: ValidationState = { step: null, best: null, sinceBest: 0 },
  ) {
    const windows = countWindows(stream, decoder.layers.shape.sequence);
    this.#decoder = decoder;
    this.#ranks = ranks;
    this.#stream = stream;
    this.#tokenizer = tokenizer;
    this.#schedule = schedule;
    this.#windows = Math.min(windows, schedule.evaluateWindows || windows);
    this.#state = state;
  }

  get state(): ValidationState {
    return this.#state;
  }

  /** Whether the evaluations without a lower loss have used up the patience. */
  get isExhausted(): boolean {
    return isExhausted(this.#state, this.#schedule.patience);
  }

  /** Whether an evaluation after this step has still to be made. */
  isDue(step: number): boolean {
    const { evaluateEvery, steps } = this.#schedule;
    return step !== this.#state.step && (step % evaluateEvery === 0 || step === steps);
  }

  /**
   * Evaluates the parameters as they are. A loss that is not finite is no error: training decides what follows from it.
   *
   * @throws An error that `ending` knows, between two batches; nothing is noted then.
   */
  async evaluate(step: number, ending: Ending): Promise<Evaluation> {
    const start = performance.now();
    const { sequence } = this.#decoder.layers.shape;
    this.#bytes ??= targetBytes(this.#stream, this.#tokenizer, {
      count: this.#windows * sequence,
      ignored: this.#decoder.hasDocumentMasks ? UNCOUNTED | DOCUMENT_START : UNCOUNTED,
    });
    const { crossEntropy, targets } = await this.#loss(ending);
    const bits = (crossEntropy * targets) / Math.LN2;
    const bitsPerByte = this.#bytes === null ? null : bits / this.#bytes;
    const { best } = this.#state;
    const isBest = crossEntropy < (best?.crossEntropy ?? Number.POSITIVE_INFINITY);
    const sinceBest = isBest ? 0 : this.#state.sinceBest + 1;
    this.#state = { step, best: isBest ? { step, crossEntropy, bitsPerByte } : best, sinceBest };
    return { step, crossEntropy, bitsPerByte, targets, ms: performance.now() - start, isBest, sinceBest };
  }

  async #loss(ending: Ending) {
    const [ranks, stream, windows] = [this.#ranks, this.#stream, this.#windows];
    if (ranks.size > 1) return await sharedWindowLoss(this.#decoder, stream, windows, { ranks, ending });
    try {
      return await windowLoss(this.#decoder, stream, [0, windows], ending.signal);
    } catch (error) {
      if (!isMayflyError(error) || error.code !== 'ERR_NOT_FINITE') throw error;
      return { crossEntropy: Number.NaN, targets: this.#windows * this.#decoder.layers.shape.sequence };
    }
  }
}

/** Whether a run with these evaluations and this patience has ended. */
export const isExhausted = ({ sinceBest }: Pick<ValidationState, 'sinceBest'>, patience: number): boolean =>
  patience > 0 && sinceBest >= patience;

/**
 * The bytes of the text of tokens 1 … `count` of a stream, the targets of its first windows, without those that do not count and
 * those that begin and end texts. Null without a tokenizer.
 */
function targetBytes(
  stream: TokenStream,
  tokenizer: Tokenizer | undefined,
  { count, ignored }: { readonly count: number; readonly ignored: number },
): number | null {
  if (tokenizer === undefined) return null;
  const silent = new Set<number | undefined>([tokenizer.bos, tokenizer.eos, ...(tokenizer.stops ?? [])]);
  let bytes = 0;
  for (let start = 1; start <= count; start += CHUNK) {
    const tokens = new Int32Array(Math.min(CHUNK, count + 1 - start));
    const marks = new Uint8Array(tokens.length);
    stream.read(start, tokens);
    stream.readMarks?.(start, marks);
    const counted = tokens.filter((id, index) => !(marks[index]! & ignored) && !silent.has(id));
    // Bytes that are no whole characters would be decoded to others.
    bytes += tokenizer.name === 'bytes' ? counted.length : Buffer.byteLength(tokenizer.decode(counted));
  }
  return bytes;
}
