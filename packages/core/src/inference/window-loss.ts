import { invalidArgument } from '@mayfly/native';
import type { TokenStream } from '../data/token-stream.js';
import { countTargets, countWindows, WindowReader } from '../data/windows.js';
import type { Decoder } from '../decoder/decoder.js';
import { expectFinite } from '../decoder/finite.js';

/** Mean cross-entropy of a model over windows of a token stream. */
export interface WindowLoss {
  /** Mean over the targets that count, in nats per token; 0 where none does. */
  readonly crossEntropy: number;
  /** Targets that count. */
  readonly targets: number;
}

/**
 * Mean cross-entropy over windows `first` (included) to `end` (not included) of a stream: window w of length T holds inputs
 * s[wT … wT+T−1] and targets s[wT+1 … wT+T], and positions restart in each. T is the decoder's sequence.
 *
 * @param lossOf The sum of the losses of a forward pass's targets. Default: the decoder's cross-entropy.
 * @throws `ERR_NOT_FINITE` if the loss is not finite; `ERR_INVALID_ARGUMENT` for windows beyond the stream; the signal's reason,
 * between two batches.
 */
export async function windowLoss(
  decoder: Decoder,
  stream: TokenStream,
  [first, end]: readonly [number, number],
  signal?: AbortSignal,
  lossOf = (targets: Int32Array): Promise<number> => decoder.crossEntropy(targets),
): Promise<WindowLoss> {
  const { batch, sequence } = decoder.layers.shape;
  checkWindows(stream, sequence, [first, end]);
  const reader = new WindowReader(stream, sequence);
  const [inputs, targets] = [new Int32Array(batch * sequence), new Int32Array(batch * sequence)];
  const documents = decoder.hasDocumentMasks ? new Int32Array(batch * sequence) : undefined;
  let sum = 0;
  let counted = 0;
  for (let window = first; window < end; window += batch) {
    signal?.throwIfAborted();
    const count = Math.min(batch, end - window) * sequence;
    for (let row = 0; row < count; row += sequence)
      reader.read(window * sequence + row, row, inputs, targets, documents);
    const filled = targets.subarray(0, count);
    await decoder.forward(inputs.subarray(0, count), { documents: documents?.subarray(0, count) });
    sum += await lossOf(filled);
    counted += countTargets(filled);
    await expectFinite(Number.isFinite(sum), decoder);
  }
  return { crossEntropy: sum / Math.max(1, counted), targets: counted };
}

/** Throws `ERR_INVALID_ARGUMENT` for a range that the stream does not have. */
export function checkWindows(stream: TokenStream, sequence: number, [first, end]: readonly [number, number]): void {
  const available = countWindows(stream, sequence);
  if (Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first < end && end <= available) return;
  const expected = `a range A:B with 0 ≤ A < B ≤ ${available}, the windows of ${sequence} tokens in ${stream.source}`;
  throw invalidArgument('windows', expected, `${first}:${end}`);
}
