import { createHash } from 'node:crypto';
import { findRuns } from '../history/find-runs.js';
import { RunHistory } from '../history/run-history.js';
import { type RunStatus, runStatus } from '../history/run-state.js';

/** A run that is watched. */
export interface WatchedRun {
  /** Names the run in addresses: a hash of its folder. */
  readonly id: string;
  readonly name: string;
  readonly history: RunHistory;
  status: RunStatus;
}

/** The runs in some folders, brought up to date by `refresh`. Runs that begin later are found, too. */
export class WatchedRuns {
  readonly #folders: readonly string[];
  readonly #runs = new Map<string, WatchedRun>();

  /** @param folders Runs, and folders of runs. */
  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /** In the order of their names. */
  get all(): readonly WatchedRun[] {
    return [...this.#runs.values()].sort((one, other) => (one.name < other.name ? -1 : Number(one.name > other.name)));
  }

  get(id: string): WatchedRun | undefined {
    return this.#runs.get(id);
  }

  /**
   * Looks for new runs and reads what the logs have gained. One call at a time.
   *
   * @returns The runs that have changed. Those whose folder is gone are dropped.
   * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE` for a given folder.
   */
  async refresh(): Promise<readonly WatchedRun[]> {
    const found = new Map(findRuns(this.#folders).map(({ folder, name }) => [idOf(folder), { folder, name }]));
    for (const id of this.#runs.keys()) if (!found.has(id)) this.#runs.delete(id);
    const changed: WatchedRun[] = [];
    for (const [id, { folder, name }] of found) {
      const known = this.#runs.get(id);
      const history = known?.history ?? new RunHistory(folder);
      const hasGained = await history.refresh();
      const status = runStatus(history);
      const run = known ?? { id, name, history, status };
      if (hasGained || known === undefined || status.state !== run.status.state) changed.push(run);
      run.status = status;
      this.#runs.set(id, run);
    }
    return changed;
  }
}

const idOf = (folder: string): string => createHash('sha256').update(folder).digest('hex').slice(0, 12);
