import { isMayflyError } from '@mayfly/native';
import type { TokenStream } from '../data/token-stream.js';
import { countWindows } from '../data/windows.js';
import type { Decoder } from '../decoder/decoder.js';
import { windowLoss } from '../inference/window-loss.js';

/** The loss of a run with a compact vocabulary, measured over its classes and over all ids. */
export interface WholeVocabularyLoss {
  /** Over all ids of the whole vocabulary, in nats per token. */
  readonly crossEntropy: number;
  /** Over the classes alone, as in training. */
  readonly compactCrossEntropy: number;
  readonly targets: number;
  /** Ids that the run was trained with. */
  readonly classes: number;
  /** Ids of the whole vocabulary. */
  readonly vocabulary: number;
  /** Whether it was measured on the validation data, or on the data of training. */
  readonly on: 'validation' | 'data';
}

/**
 * Measures the loss over all ids beside that over the classes, on the first windows of a stream; null for a model that is of the whole
 * vocabulary, and where the signal aborts it.
 *
 * @param most Windows at most; 0: all.
 */
export async function wholeVocabularyLoss(
  decoder: Decoder,
  stream: TokenStream,
  {
    most,
    on,
    signal,
  }: { readonly most: number; readonly on: 'validation' | 'data'; readonly signal?: AbortSignal | undefined },
): Promise<WholeVocabularyLoss | null> {
  const { compact } = decoder.state;
  if (compact === null) return null;
  const { classes, whole } = compact.vocabulary;
  const available = countWindows(stream, decoder.layers.shape.sequence);
  let own = 0;
  try {
    const range = [0, most === 0 ? available : Math.min(most, available)] as const;
    const { crossEntropy, targets } = await windowLoss(decoder, stream, range, signal, async (ids) => {
      const losses = await decoder.wholeCrossEntropy(ids);
      own += losses.own;
      return losses.whole;
    });
    const compactCrossEntropy = own / Math.max(1, targets);
    return { crossEntropy, compactCrossEntropy, targets, classes: classes.length, vocabulary: whole, on };
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return null;
    // Training decides what follows from a loss that is not finite.
    if (isMayflyError(error) && error.code === 'ERR_NOT_FINITE') return null;
    throw error;
  }
}
