import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
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
  #hasLooked = false;

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
   * @returns The runs that have changed. Those whose folder is gone are dropped; it may come back.
   * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE` for a given folder or a log, in the first call. Later ones leave out what cannot be read.
   */
  async refresh(): Promise<readonly WatchedRun[]> {
    const isFirst = !this.#hasLooked;
    const folders = isFirst ? this.#folders : this.#folders.filter((folder) => existsSync(folder));
    const found = new Map(findRuns(folders).map(({ folder, name }) => [idOf(folder), { folder, name }]));
    for (const id of this.#runs.keys()) if (!found.has(id)) this.#runs.delete(id);
    const changed: WatchedRun[] = [];
    for (const [id, { folder, name }] of found) {
      const known = this.#runs.get(id);
      const history = known?.history ?? new RunHistory(folder);
      const hasGained = await history.refresh().catch((error: unknown) => {
        if (isFirst) throw error;
        return false;
      });
      const status = runStatus(history);
      const run = known ?? { id, name, history, status };
      if (hasGained || known === undefined || status.state !== run.status.state) changed.push(run);
      run.status = status;
      this.#runs.set(id, run);
    }
    this.#hasLooked = true;
    return changed;
  }
}

const idOf = (folder: string): string => createHash('sha256').update(folder).digest('hex').slice(0, 12);
