import type { TrainSummary } from '../train/train-summary.js';
import { formatCount, formatDuration, formatFigure, formatShare } from './format.js';

/** The figures of a run that has ended, for people: aligned lines. */
export function closingTable(summary: TrainSummary): string {
  const { wallMs, activityMs, lostToRetirementsMs, skipped, workerDeaths, loss } = summary;
  const time = (ms: number) => `${formatDuration(ms)} (${formatShare(ms / wallMs)})`;
  const deaths = workerDeaths === 0 ? '' : `, ${formatCount(workerDeaths)} died`;
  const rows: readonly (readonly [string, string])[] = [
    ['steps', `${formatCount(summary.steps)}${skipped === 0 ? '' : `, ${formatCount(skipped)} skipped for overflow`}`],
    ['last loss', loss === null ? 'none' : `${loss.toFixed(4)} nats per token`],
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
    ['checkpoint', summary.checkpoint ?? 'none'],
    ...(summary.resumeCommand === null ? [] : [[resumeLabel(summary), resumeCommand(summary)] as const]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n');
}

const resumeLabel = ({ reason }: TrainSummary): string => (reason === 'finished' ? 'train further' : 'resume');

/** A finished run needs more steps to go on to. */
function resumeCommand({ reason, step, resumeCommand: command }: TrainSummary): string {
  return reason === 'finished' ? `${command} --steps ${2 * step}` : `${command}`;
}
