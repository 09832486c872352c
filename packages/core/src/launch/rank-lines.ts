/** The process of a rank. */
export interface RankProcess {
  readonly rank: number;
  readonly pid: number;
  readonly host: string;
}

/** How the process of a rank ended. */
export interface RankEnd extends RankProcess {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A line that a rank wrote, its begin, or its end. */
export type RankLine =
  | { readonly kind: 'out' | 'err'; readonly rank: number; readonly text: string }
  | { readonly kind: 'begin'; readonly process: RankProcess }
  | { readonly kind: 'end'; readonly end: RankEnd };

/**
 * Begins the lines of ranks: others are those of `mpirun`, which writes its own to the same streams, MPICH even to stdout. U+001E is the record
 * separator of ASCII.
 */
const MARK = '\u001E';

/** A line of a rank as it travels through `mpirun`. */
export const encodeRankLine = (line: RankLine): string => `${MARK}${line.kind} ${contentOf(line)}\n`;

function contentOf(line: RankLine): string {
  if (line.kind === 'begin') return `${line.process.rank} ${JSON.stringify(line.process)}`;
  if (line.kind === 'end') return `${line.end.rank} ${JSON.stringify(line.end)}`;
  return `${line.rank} ${line.text}`;
}

/** The lines of ranks in a line of `mpirun`'s output, and the rest, which is its own. A rank may begin a line where another has not ended its own. */
export function decodeRankLines(text: string): { readonly lines: readonly RankLine[]; readonly rest: string } {
  const [rest = '', ...marked] = text.split(MARK);
  const lines = marked.flatMap((each): RankLine[] => {
    const [, kind, rank, content = ''] = /^(out|err|begin|end) (\d+) (.*)$/s.exec(each) ?? [];
    if (kind === 'begin') return [{ kind, process: JSON.parse(content) as RankProcess }];
    if (kind === 'end') return [{ kind, end: JSON.parse(content) as RankEnd }];
    return kind === 'out' || kind === 'err' ? [{ kind, rank: Number(rank), text: content }] : [];
  });
  return { lines, rest };
}
