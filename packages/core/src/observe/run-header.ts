import { countParameters } from '../model/count-parameters.js';
import { blocksFor } from '../train/gradient-sums.js';
import type { Trainer } from '../train/trainer.js';
import { formatBytes, formatCount, plural } from './format.js';

/** What a run is about, in a few lines: device and why, model, data, step. */
export function runHeader({ pool, config, options, step, chipWarning }: Trainer): string[] {
  const { dim, hidden, layers, heads, kvHeads, vocab } = config;
  const { workers, standby, weights, batch, seq, accumulate, steps } = options;
  const tokens = batch * seq * accumulate;
  const fast = pool.products === 'exact' ? 'fast, which is exact here' : `fast (${pool.products})`;
  const products = options.precision === 'exact' ? '' : `, products ${fast}`;
  const times = accumulate === 1 ? '' : ` × ${accumulate}`;
  const lines = [
    `device  ${pool.device} (${pool.deviceReason}), ${plural(workers, 'worker')} and ${standby} standby, ${weights} weights${products}`,
    `model   ${options.model}: ${formatCount(countParameters(config))} parameters, ${plural(layers, 'layer')}, dim ${dim}, hidden ${hidden}, heads ${heads}/${kvHeads}, vocabulary ${formatCount(vocab)}`,
    `data    ${options.data}`,
    `steps   ${step === steps ? 'none' : `${formatCount(step + 1)} to ${formatCount(steps)}`} of ${formatCount(tokens)} tokens (${batch} windows of ${seq}${times})`,
  ];
  if (accumulate > 1) {
    const blocks = plural(blocksFor(accumulate), 'block');
    lines.push(
      `memory  the gradients of ${accumulate} passes are summed in ${blocks} of ${formatBytes(4 * countParameters(config))}`,
    );
  }
  if (chipWarning !== null) lines.push(`chip    ${chipWarning}`);
  return lines;
}
