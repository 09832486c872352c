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
  const losses = new WindowLosses(decoder, stream, [first, end], lossOf);
  let sum = 0;
  let counted = 0;
  for (let batch = 0; batch < losses.batches; batch++) {
    signal?.throwIfAborted();
    const { loss, targets } = await losses.of(batch);
    sum += loss;
    counted += targets;
    await expectFinite(Number.isFinite(sum), decoder);
  }
  return { crossEntropy: sum / Math.max(1, counted), targets: counted };
}

/** The losses of windows, batch by batch: the sums that `windowLoss` adds up in order. */
export class WindowLosses {
  readonly batches: number;
  readonly #decoder: Decoder;
  readonly #range: readonly [first: number, end: number];
  readonly #lossOf: (targets: Int32Array) => Promise<number>;
  readonly #reader: WindowReader;
  readonly #inputs: Int32Array;
  readonly #targets: Int32Array;
  readonly #documents: Int32Array | undefined;

  /** @throws As `windowLoss`. */
  constructor(
    decoder: Decoder,
    stream: TokenStream,
    [first, end]: readonly [number, number],
    lossOf = (targets: Int32Array): Promise<number> => decoder.crossEntropy(targets),
  ) {
    const { batch, sequence } = decoder.layers.shape;
    checkWindows(stream, sequence, [first, end]);
    this.batches = Math.ceil((end - first) / batch);
    this.#decoder = decoder;
    this.#range = [first, end];
    this.#lossOf = lossOf;
    this.#reader = new WindowReader(stream, sequence);
    this.#inputs = new Int32Array(batch * sequence);
    this.#targets = new Int32Array(batch * sequence);
    this.#documents = decoder.hasDocumentMasks ? new Int32Array(batch * sequence) : undefined;
  }

  /** The sum of the losses of a batch, from 0, and how many of its targets count. */
  async of(index: number): Promise<{ readonly loss: number; readonly targets: number }> {
    const { batch, sequence } = this.#decoder.layers.shape;
    const [inputs, documents] = [this.#inputs, this.#documents];
    const [first, end] = this.#range;
    const window = first + index * batch;
    const count = Math.min(batch, end - window) * sequence;
    for (let row = 0; row < count; row += sequence)
      this.#reader.read(window * sequence + row, row, inputs, this.#targets, documents);
    const targets = this.#targets.subarray(0, count);
    await this.#decoder.forward(inputs.subarray(0, count), { documents: documents?.subarray(0, count) });
    return { loss: await this.#lossOf(targets), targets: countTargets(targets) };
  }
}

/** Throws `ERR_INVALID_ARGUMENT` for a range that the stream does not have. */
export function checkWindows(stream: TokenStream, sequence: number, [first, end]: readonly [number, number]): void {
  const available = countWindows(stream, sequence);
  if (Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first < end && end <= available) return;
  const expected = `a range A:B with 0 ≤ A < B ≤ ${available}, the windows of ${sequence} tokens in ${stream.source}`;
  throw invalidArgument('windows', expected, `${first}:${end}`);
}
