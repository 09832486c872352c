import type { TokenStream } from '../data/token-stream.js';
import type { Decoder } from '../decoder/decoder.js';
import { type WindowLoss, WindowLosses } from '../inference/window-loss.js';
import type { Ending } from './ending.js';
import type { Ranks } from './ranks.js';

/**
 * The result of `windowLoss` on the first windows of a stream, bit for bit, from batches that the ranks take in turn. Not finite where the
 * output of any is not. The work of all ends where a rank was asked to end the run.
 */
export async function sharedWindowLoss(
  decoder: Decoder,
  stream: TokenStream,
  windows: number,
  { ranks, ending }: { readonly ranks: Ranks; readonly ending: Ending },
): Promise<WindowLoss> {
  const losses = new WindowLosses(decoder, stream, [0, windows]);
  const own: number[] = [];
  await ranks.throughout(async () => {
    for (let batch = ranks.rank; batch < losses.batches && !ending.isWanted; batch += ranks.size) {
      const { loss, targets } = await losses.of(batch);
      own.push(loss, targets);
    }
  });
  const all = await ranks.gatherNumbers([Number(ending.isWanted), ...own]);
  if (all.some(([isWanted]) => isWanted === 1)) ending.interrupt();
  let sum = 0;
  let counted = 0;
  for (let batch = 0; batch < losses.batches; batch++) {
    const of = all[batch % ranks.size]!;
    const at = 1 + 2 * Math.floor(batch / ranks.size);
    sum += of[at]!;
    counted += of[at + 1]!;
  }
  return { crossEntropy: sum / Math.max(1, counted), targets: counted };
}
