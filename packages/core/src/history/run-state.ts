import { hostname } from 'node:os';
import { lockHolder } from '../run/run-lock.js';
import type { RunHistory } from './run-history.js';

/**
 * What a run does, or how it ended: `running`; `remote`, where a process of another host has the run's lock, which may have ended;
 * `finished`; `stopped` by its user, with a checkpoint; `failed` with an error; or `killed`, which left no word. `unknown` where the log
 * has no start of a run.
 */
export type RunState = 'running' | 'remote' | 'finished' | 'stopped' | 'failed' | 'killed' | 'unknown';

/** The state of a run, and the process that trains it. */
export interface RunStatus {
  readonly state: RunState;
  /** Id of the process that trains the run; null where none does. */
  readonly pid: number | null;
  readonly host: string | null;
}

/** Reads the lock of a run's folder. */
export function runStatus({ folder, start, done, error }: RunHistory): RunStatus {
  const holder = lockHolder(folder);
  if (holder !== null) {
    const { pid, host } = holder;
    return { state: host === hostname() ? 'running' : 'remote', pid, host };
  }
  const isKnown = start !== null || done !== null || error !== null;
  return { state: isKnown ? endOf(done?.reason, error !== null) : 'unknown', pid: null, host: null };
}

function endOf(reason: unknown, hasFailed: boolean): RunState {
  if (reason === 'finished' || reason === 'patience') return 'finished';
  if (reason === 'aborted') return 'stopped';
  return hasFailed || reason === 'failed' ? 'failed' : 'killed';
}
