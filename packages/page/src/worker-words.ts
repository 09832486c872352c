import type { WorkerLife } from '@mayfly/core/watch';
import { formatCount, formatDuration, formatTime, plural } from './format.js';
import type { PlacedLife } from './lanes.js';

/** `12/40`: compilations, and after how many the worker retires. */
export const usedText = ({ compilations, budget }: WorkerLife): string =>
  compilations === null ? '' : `${formatCount(compilations)}${budget === null ? '' : `/${formatCount(budget)}`}`;

/** What ended a worker that died. */
export const causeOf = ({ signal, exitCode }: WorkerLife): string => signal ?? `exit code ${exitCode}`;

/** How a life ended. */
export function endText(life: WorkerLife): string {
  const { reason } = life;
  switch (life.end) {
    case null:
      return 'lives';
    case 'retired':
      return `retired: ${reason ?? 'unknown reason'}`;
    case 'closed':
      return 'closed with the run';
    case 'lost':
      return 'ended without a word, with the run';
    case 'died':
      return `died: ${causeOf(life)}${reason === null ? '' : `, ${reason}`}`;
  }
}

/** A life in a sentence. */
export function storyOf({ life, end }: PlacedLife): string {
  const used = life.compilations === null ? '' : `, ${usedText(life)} compilations`;
  const evaluations = life.evaluations === null ? '' : `, ${plural(life.evaluations, 'evaluation')}`;
  return `Worker ${life.worker} (pid ${life.pid}): started ${formatTime(life.start)}, ${formatDuration(end - life.start)} old${used}${evaluations}; ${endText(life)}.`;
}

/** How many lives there were. */
export function summaryOf(workers: readonly WorkerLife[]): string {
  const count = (how: WorkerLife['end']) => workers.filter(({ end }) => end === how).length;
  const died = count('died');
  return [
    `${formatCount(workers.length)} processes`,
    `${formatCount(count('retired'))} retired`,
    ...(died === 0 ? [] : [`${formatCount(died)} died`]),
  ].join(', ');
}
