import type { RunDetail } from '@mayfly/core/watch';

/** A process that trained a run, from its start to its last word, in milliseconds since 1970. */
export interface Session {
  readonly from: number;
  /** Null while it may still train. */
  readonly to: number | null;
  /** Whether it ended without a word: it was killed, or its machine stopped. */
  readonly isKilled: boolean;
}

/** The processes of a run, oldest first. */
export function sessionsOf({
  sessions,
  workers,
  updated,
  state,
}: Pick<RunDetail, 'sessions' | 'workers' | 'updated'> & { readonly state: string }): Session[] {
  return sessions.map((start, index) => {
    const own = workers.filter(({ session }) => session === index);
    // Workers start before the record that tells of the process.
    const from = Math.min(start, ...own.map((life) => life.start));
    const isKilled = own.some(({ end }) => end === 'lost');
    const next = sessions[index + 1];
    if (next === undefined) {
      const isOver = state !== 'running' && state !== 'remote' && state !== 'unknown';
      return { from, to: isOver ? (updated ?? from) : null, isKilled: state === 'killed' };
    }
    const ends = own.map((life) => life.exit ?? life.start);
    return { from, to: Math.min(next, Math.max(from, ...ends)), isKilled };
  });
}
