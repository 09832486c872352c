import type { WorkerLife } from '@mayfly/core/watch';

/** A life with its place in the timeline. */
export interface PlacedLife {
  readonly life: WorkerLife;
  /** From 0, the uppermost. */
  readonly lane: number;
  /** Its end, or that of the log, or now: milliseconds since 1970. */
  readonly end: number;
}

/** Room behind a death for its cause, as a share of the whole time, where few workers died. */
const CAUSE = 0.07;
const FEW = 6;
/** Room between two bars of a lane, as a share of the whole time, and at most of the mean life. */
const GAP = 0.0005;
const SHARE = 0.05;

/**
 * Places lives so that those of one lane do not overlap, each in the uppermost lane that is free.
 *
 * @param now Where lives end that have not ended: now for a running run, otherwise the time of the last record.
 */
export function placeLives(
  lives: readonly WorkerLife[],
  now: number,
): { readonly placed: PlacedLife[]; readonly lanes: number } {
  const ordered = [...lives].sort((one, other) => one.start - other.start);
  const whole = ordered.length === 0 ? 0 : now - ordered[0]!.start;
  const lived = ordered.reduce((sum, { start, exit }) => sum + (exit ?? now) - start, 0);
  // Short lives of a long run would not share lanes if they were kept apart further.
  const gap = Math.min(GAP * whole, (SHARE * lived) / Math.max(ordered.length, 1));
  const isFew = ordered.filter(({ end }) => end === 'died').length <= FEW;
  const cause = isFew ? CAUSE * whole : 0;
  const free: number[] = [];
  const placed = ordered.map((life) => {
    const end = life.exit ?? Math.max(now, life.start);
    const found = free.findIndex((until) => until + gap <= life.start);
    const lane = found < 0 ? free.length : found;
    free[lane] = life.end === 'died' ? end + cause : end;
    return { life, lane, end };
  });
  return { placed, lanes: free.length };
}

/** What a worker did in a part of its life. */
export type Phase = 'starting' | 'standby' | 'serving' | 'retiring';

/** The parts of a life, oldest first. */
export function phasesOf({
  life,
  end,
}: PlacedLife): { readonly phase: Phase; readonly from: number; readonly to: number }[] {
  const marks: [Phase, number | null][] = [
    ['starting', life.start],
    ['standby', life.ready],
    ['serving', life.serving],
    ['retiring', life.retire],
  ];
  const known = marks.filter((mark): mark is [Phase, number] => mark[1] !== null);
  return known
    .map(([phase, from], index) => ({ phase, from, to: known[index + 1]?.[1] ?? end }))
    .filter(({ from, to }) => to > from);
}
