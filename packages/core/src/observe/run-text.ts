import { addon, type Matmul, type Precision } from '@mayfly/native';
import { blocksFor } from '../decoder/gradient-sums.js';
import type { PowerState } from '../machine/power-state.js';
import { countParameters } from '../model/config.js';
import type { EnergyUse } from '../train/energy-watch.js';
import type { Sample } from '../train/samples.js';
import type { StepRecord } from '../train/train-step.js';
import type { TrainSummary } from '../train/train-summary.js';
import type { Trainer } from '../train/trainer.js';
import type { BestEvaluation, Evaluation } from '../train/validation.js';
import type { WholeVocabularyLoss } from '../train/whole-vocabulary-loss.js';
import { textTable } from './table.js';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFigure,
  formatShare,
  formatSmall,
  plural,
  printable,
} from './text.js';

/** Says how matrices are multiplied, unless exactly. Beside other devices than cpu, `blas` is for host math. */
function matmulText(precision: Precision, matmul: Matmul): string {
  if (precision === 'exact') return '';
  if (precision === 'blas') return `, ${matmul === 'blas' ? '' : 'host '}matmul blas (${addon.blas()})`;
  return `, matmul ${matmul === 'exact' ? 'fast, which is exact here' : `fast (${matmul})`}`;
}

/** Describes a run in a few lines: device and reason, model, data, steps. */
export function runHeader({ pool, config, options, step, chipWarning, classes, ...trainer }: Trainer): string[] {
  const { formNotes, workersNote, documentMaskBytes } = trainer;
  const { dim, hidden, layers, heads, kvHeads, vocab } = config;
  const { workers, standby } = pool;
  const { weights, batch, seq, accumulate, steps } = options;
  const tokens = batch * seq * accumulate;
  const matmul = matmulText(options.pool.precision, pool.matmul);
  const times = accumulate === 1 ? '' : ` × ${accumulate}`;
  const lines = [
    `device  ${pool.device} (${pool.deviceReason}), ${plural(workers, 'worker')} and ${standby} standby, ${weights} weights${matmul}`,
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
  if (documentMaskBytes !== null) {
    lines.push(
      `mask    of documents: 5 more operations on ${batch} × ${seq} × ${seq} numbers wherever scores are computed, ${formatBytes(documentMaskBytes)} more memory`,
    );
  }
  if (classes !== null) {
    lines.push(`classes ${formatCount(classes)} of ${formatCount(vocab)} token ids, which data and prompts hold`);
  }
  if (workersNote !== null) lines.push(`workers ${workersNote}`);
  for (const note of formNotes) lines.push(`form    ${note}`);
  if (chipWarning !== null) lines.push(`chip    ${chipWarning}`);
  return lines;
}

/** `step  120/2,000  loss 2.3142  grad 0.812  lr 1.00e-3  41.2 ms  24,852 tokens/s`. */
export function stepLine(
  { step, loss, gradNorm, lr, ms, tokensPerSecond, skipped }: StepRecord,
  steps: number,
): string {
  const last = formatCount(steps);
  const gradient = skipped ? 'overflowed, step skipped' : `grad ${gradNorm.toFixed(3)}`;
  return [
    `step ${formatCount(step).padStart(last.length)}/${last}`,
    `loss ${loss.toFixed(4)}`,
    gradient,
    `lr ${formatSmall(lr)}`,
    `${ms.toFixed(1)} ms`,
    `${formatCount(tokensPerSecond)} tokens/s`,
  ].join('  ');
}

/** `validation 1.8168 nats per token, 2.6211 bits per byte after step 134 (8,192 targets, 310 ms), the lowest so far`. */
export function evaluationLine(evaluation: Evaluation): string {
  const { step, targets, ms, isBest, sinceBest } = evaluation;
  const rank = isBest ? ', the lowest so far' : `, ${plural(sinceBest, 'evaluation')} after the lowest`;
  const facts = `after step ${formatCount(step)} (${formatCount(targets)} targets, ${formatDuration(ms)})`;
  return `validation ${lossText(evaluation)} ${facts}${rank}`;
}

const lossText = ({ crossEntropy, bitsPerByte }: Pick<BestEvaluation, 'crossEntropy' | 'bitsPerByte'>): string =>
  `${crossEntropy.toFixed(4)} nats per token${bitsPerByte === null ? '' : `, ${bitsPerByte.toFixed(4)} bits per byte`}`;

/** `4.2345 nats per token over all 32,000 ids, 4.2001 over the 4,446 classes (65,536 targets of the data)`. */
const wholeVocabularyText = (loss: WholeVocabularyLoss): string => {
  const { crossEntropy, compactCrossEntropy, classes, vocabulary, targets, on } = loss;
  const data = on === 'data' ? 'the data' : 'the validation data';
  return `${crossEntropy.toFixed(4)} nats per token over all ${formatCount(vocabulary)} ids, ${compactCrossEntropy.toFixed(4)} over the ${formatCount(classes)} classes (${formatCount(targets)} targets of ${data})`;
};

/** The text that the model wrote, each line behind a bar. */
export const sampleText = ({ step, prompt, text }: Sample): string =>
  `sample after step ${formatCount(step)}:\n${printable(`${prompt}${text}`).replaceAll(/^/gm, '  | ')}`;

/** `power  low-power mode, thermal pressure heavy, on battery`. */
export function powerLine({ source, lowPowerMode, thermal, speedLimit }: PowerState): string {
  const facts = [
    ...(lowPowerMode === null ? [] : [lowPowerMode ? 'low-power mode' : 'no low-power mode']),
    ...(thermal === null ? [] : [`thermal pressure ${thermal}`]),
    ...(speedLimit === null || speedLimit === 100 ? [] : [`processor limited to ${speedLimit} %`]),
    ...(source === null ? [] : [`on ${source}`]),
  ];
  return `power   ${facts.length === 0 ? 'unknown' : facts.join(', ')}`;
}

/** `Neural Engine 1.24 J/step (ANE0_0 0.62 J, ANE0_1 0.62 J), memory 31.0 GB/s`. */
export function energyText({ joulesPerStep, steps, dies, memoryBytesPerSecond }: EnergyUse): string {
  const each = dies.map(({ name, joules }) => `${name} ${formatFigure(joules / steps)} J`).join(', ');
  const parts = dies.length > 1 ? ` (${each})` : '';
  return [
    ...(joulesPerStep === null ? [] : [`Neural Engine ${formatFigure(joulesPerStep)} J/step${parts}`]),
    ...(memoryBytesPerSecond === null ? [] : [`memory ${formatFigure(memoryBytesPerSecond / 1e9)} GB/s`]),
  ].join(', ');
}

/** The summary of a finished run, as aligned lines. */
export function closingTable(summary: TrainSummary): string {
  const { wallMs, activityMs, lostToRetirementsMs, skipped, workerDeaths, loss } = summary;
  const time = (ms: number) => `${formatDuration(ms)} (${formatShare(ms / wallMs)})`;
  const deaths = workerDeaths === 0 ? '' : `, ${formatCount(workerDeaths)} died`;
  const rows: readonly (readonly [string, string])[] = [
    [
      'steps',
      `${formatCount(summary.stepsRun)}${summary.reason === 'patience' ? ', ended by --patience' : ''}${skipped === 0 ? '' : `, ${formatCount(skipped)} skipped for overflow`}`,
    ],
    ['last loss', loss === null ? 'none' : `${loss.toFixed(4)} nats per token`],
    ...(summary.best === undefined
      ? []
      : [['best', `${lossText(summary.best)} after step ${formatCount(summary.best.step)}`] as const]),
    ...(summary.wholeVocabulary === undefined
      ? []
      : [['whole vocabulary', wholeVocabularyText(summary.wholeVocabulary)] as const]),
    ...(summary.best?.checkpoint ? [['best model', summary.best.checkpoint] as const] : []),
    ['tokens', `${formatCount(summary.tokens)}, ${formatCount(summary.tokensPerSecond)} per second`],
    ['step', `${formatFigure(summary.msPerStep)} ms on average`],
    ['dispatches', formatCount(summary.dispatches)],
    ['compilations', formatCount(summary.compilations)],
    ['workers used', `${formatCount(summary.workersUsed)}, ${formatCount(summary.retirements)} retired${deaths}`],
    ['wall time', formatDuration(wallMs)],
    ['  in kernels', time(activityMs.kernels)],
    ['  host math', time(activityMs.hostMath)],
    ['  host threads', `${time(activityMs.hostThreads)} waited`],
    ['  compilations', `${time(activityMs.compile)} waited`],
    ['  retirements', `${time(lostToRetirementsMs)} lost`],
    ...(summary.ranges ?? []).map(({ kernel, product, largest }, index) => {
      const beyond = largest < 32_768 ? '' : ', where an engine overflows';
      return [
        index === 0 ? 'largest Σ|a·w|' : '',
        `${formatFigure(largest)} in ${product} of ${kernel}${beyond}`,
      ] as const;
    }),
    ['checkpoint', summary.checkpoint ?? 'none'],
    ...(summary.resumeCommand === null ? [] : [[resumeLabel(summary), resumeCommand(summary)] as const]),
  ];
  return textTable(rows);
}

const resumeLabel = ({ reason }: TrainSummary): string => (reason === 'aborted' ? 'resume' : 'train further');

/** A finished run needs more steps to continue, or no end by patience. */
function resumeCommand({ reason, lastStep, resumeCommand: command }: TrainSummary): string {
  if (reason === 'patience') return `${command} --patience 0`;
  return reason === 'finished' ? `${command} --steps ${2 * lastStep}` : `${command}`;
}
