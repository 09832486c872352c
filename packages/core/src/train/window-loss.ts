import { invalidArgument } from '@mayfly/native';
import type { TokenStream } from '../data/token-stream.js';
import { countWindows } from '../data/windows.js';
import type { Decoder } from './decoder.js';
import { expectFinite } from './finite.js';

/** Mean cross-entropy of a model over windows of a token stream. */
export interface WindowLoss {
  /** Mean over all targets, in nats per token. */
  readonly crossEntropy: number;
  /** Tokens that were predicted. */
  readonly targets: number;
}

/**
 * Mean cross-entropy over windows `first` (included) to `end` (not included) of a stream: window w of length T holds inputs
 * s[wT … wT+T−1] and targets s[wT+1 … wT+T], and positions restart in each. T is the decoder's sequence.
 *
 * @throws `ERR_NOT_FINITE` if the loss is not finite; `ERR_INVALID_ARGUMENT` for windows beyond the stream.
 */
export async function windowLoss(
  decoder: Decoder,
  stream: TokenStream,
  [first, end]: readonly [number, number],
): Promise<WindowLoss> {
  const { batch, sequence } = decoder.layers.shape;
  checkWindows(stream, sequence, [first, end]);
  let sum = 0;
  for (let window = first; window < end; window += batch) {
    const count = Math.min(batch, end - window) * sequence;
    const tokens = new Int32Array(count + 1);
    stream.read(window * sequence, tokens);
    await decoder.forward(tokens.subarray(0, count));
    sum += await decoder.crossEntropy(tokens.subarray(1));
    await expectFinite(Number.isFinite(sum), decoder);
  }
  const targets = (end - first) * sequence;
  return { crossEntropy: sum / targets, targets };
}

/** Throws `ERR_INVALID_ARGUMENT` for a range that the stream does not have. */
export function checkWindows(stream: TokenStream, sequence: number, [first, end]: readonly [number, number]): void {
  const available = countWindows(stream, sequence);
  if (Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first < end && end <= available) return;
  const expected = `a range A:B with 0 ≤ A < B ≤ ${available}, the windows of ${sequence} tokens in ${stream.source}`;
  throw invalidArgument('windows', expected, `${first}:${end}`);
}
