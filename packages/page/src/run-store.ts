import type { RunDetail, RunEntry, StepColumn } from '@mayfly/core/watch';
import { append } from './series.js';

/** The steps of a run, in columns. */
export interface StepColumns {
  readonly rewinds: number;
  readonly rows: number;
  readonly columns: Readonly<Record<StepColumn, Float64Array>>;
}

/** What a run does, or how it ended, or that its folder is gone while it is shown. */
export type ShownState = RunEntry['state'] | 'gone';

/** A run in the list. */
export type ListedRun = Omit<RunEntry, 'state'> & { readonly state: ShownState };

/** A run that is shown, with all that is known of it. */
export interface ShownRun {
  readonly detail: Omit<RunDetail, 'state'> & { readonly state: ShownState };
  readonly steps: StepColumns;
}

/** What a panel of one run is given. */
export interface PanelProps {
  readonly run: ShownRun;
  /** Whether there is such a panel for other runs, too, so that it names its own. */
  readonly isOneOfMany: boolean;
}

/** The heading of a panel: `Workers`, or `Workers of book`. */
export const titleOf = (what: string, { run, isOneOfMany }: PanelProps): string =>
  isOneOfMany ? `${what} of ${run.detail.name}` : what;

/** Whether the page hears from the server. */
export type Connection = 'connecting' | 'live' | 'lost';

/** Fetches the details of a run again after this time at the earliest, in milliseconds. */
const DETAIL_MS = 1000;

/** The runs of the server, kept up to date by its events. Steps that are here are not fetched again. */
export class RunStore {
  #entries = new Map<string, ListedRun>();
  #shown = new Map<string, ShownRun>();
  #selected: readonly string[] = [];
  #connection: Connection = 'connecting';
  readonly #updating = new Set<string>();
  readonly #detailAt = new Map<string, number>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get entries(): readonly ListedRun[] {
    return [...this.#entries.values()].map((entry) => this.#known(entry));
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** The selected runs that have arrived, in the order of their selection. */
  get shown(): readonly ShownRun[] {
    return this.#shownOf(this.#selected).map((run) => ({ ...run, detail: this.#known(run.detail) }));
  }

  #shownOf(ids: readonly string[]): ShownRun[] {
    return ids.flatMap((id) => this.#shown.get(id) ?? []);
  }

  /** A run that was running may have ended since the server did. */
  #known<T extends ListedRun>(entry: T): T {
    const isUnknown = this.#connection === 'lost' && (entry.state === 'running' || entry.state === 'remote');
    return isUnknown ? { ...entry, state: 'unknown' } : entry;
  }

  /** Follows the server's events until the result is called. */
  listen(): () => void {
    const events = new EventSource('api/events');
    events.addEventListener('runs', ({ data }) => {
      const told = new Map<string, ListedRun>((JSON.parse(data) as RunEntry[]).map((entry) => [entry.id, entry]));
      for (const { detail } of this.#shownOf(this.#selected)) {
        if (told.has(detail.id)) continue;
        told.set(detail.id, { ...detail, state: 'gone' });
        this.#shown.set(detail.id, { ...this.#shown.get(detail.id)!, detail: { ...detail, state: 'gone' } });
      }
      this.#entries = told;
      this.#connection = 'live';
      this.#changed();
    });
    events.addEventListener('change', ({ data }) => {
      for (const entry of JSON.parse(data) as RunEntry[]) this.#entries.set(entry.id, entry);
      this.#changed();
    });
    events.onerror = () => {
      this.#connection = 'lost';
      this.#onChange();
    };
    return () => events.close();
  }

  /** A run whose folder is gone stays in the list while it is selected. */
  select(ids: readonly string[]): void {
    this.#selected = ids;
    for (const { id, state } of this.#entries.values()) {
      if (state === 'gone' && !ids.includes(id)) this.#entries.delete(id);
    }
    this.#changed();
  }

  #changed(): void {
    this.#onChange();
    for (const id of this.#selected) void this.#update(id);
  }

  /** Fetches what a selected run has gained. One update of a run at a time. */
  async #update(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.state === 'gone' || this.#updating.has(id)) return;
    this.#updating.add(id);
    try {
      const known = this.#shown.get(id);
      const [steps, detail] = await Promise.all([this.#steps(entry, known?.steps), this.#detail(entry, known?.detail)]);
      this.#shown.set(id, { steps, detail });
      this.#onChange();
    } catch {
      // The server is gone, of which the event stream tells.
    } finally {
      this.#updating.delete(id);
    }
    const now = this.#entries.get(id);
    const shown = this.#shown.get(id);
    const isBehind = now !== undefined && now.state !== 'gone' && (shown === undefined || lacks(shown, now));
    if (isBehind && this.#selected.includes(id)) setTimeout(() => void this.#update(id), DETAIL_MS);
  }

  async #steps(
    { id, rows, rewinds }: Pick<RunEntry, 'id' | 'rows' | 'rewinds'>,
    known: StepColumns | undefined,
  ): Promise<StepColumns> {
    const kept = known?.rewinds === rewinds ? known : undefined;
    if (kept?.rows === rows) return kept;
    const response = await answerOf(`api/runs/${id}/steps?from=${kept?.rows ?? 0}`);
    const names = response.headers.get('x-columns')!.split(',') as StepColumn[];
    const sent = Number(response.headers.get('x-rewinds'));
    // The run was rewound meanwhile: these are the rows after those that no longer count.
    if (sent !== rewinds && kept !== undefined) return this.#steps({ id, rows, rewinds: sent }, undefined);
    const gained = new Float64Array(await response.arrayBuffer());
    return appended(kept, gained, names, sent);
  }

  async #detail({ id, events }: ListedRun, known: ShownRun['detail'] | undefined): Promise<ShownRun['detail']> {
    const entry = this.#entries.get(id)!;
    const isRecent = performance.now() - (this.#detailAt.get(id) ?? Number.NEGATIVE_INFINITY) < DETAIL_MS;
    if (known !== undefined && known.events === events) return { ...known, ...entry };
    // What the entry counts has not arrived: the next update fetches it.
    if (known !== undefined && isRecent) {
      return { ...known, ...entry, events: known.events, revision: known.revision };
    }
    this.#detailAt.set(id, performance.now());
    return (await (await answerOf(`api/runs/${id}`)).json()) as RunDetail;
  }
}

/** Whether a run has gained something since it was fetched. */
const lacks = ({ detail, steps }: ShownRun, { revision, rows, rewinds }: ListedRun): boolean =>
  detail.revision !== revision || steps.rows !== rows || steps.rewinds !== rewinds;

async function answerOf(address: string): Promise<Response> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(await response.text());
  return response;
}

function appended(
  known: StepColumns | undefined,
  gained: Float64Array,
  names: readonly StepColumn[],
  rewinds: number,
): StepColumns {
  const added = gained.length / names.length;
  const rows = (known?.rows ?? 0) + added;
  const columns = names.map((name, index) => {
    const own = gained.subarray(index * added, (index + 1) * added);
    return [name, append(known?.columns[name] ?? new Float64Array(0), own)] as const;
  });
  return { rewinds, rows, columns: Object.fromEntries(columns) as Record<StepColumn, Float64Array> };
}
