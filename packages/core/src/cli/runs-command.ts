import { isMayflyError } from '@mayfly/native';
import type { Command } from 'commander';
import { findRuns } from '../history/find-runs.js';
import { RunHistory } from '../history/run-history.js';
import { type RunStatus, runStatus } from '../history/run-state.js';
import { toJsonLine } from '../observe/json-lines.js';
import { textTable } from '../observe/table.js';
import { formatCount, print, printable } from '../observe/text.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';

const notes = `
A run is running while its process lives; finished after its last step; stopped by its user, failed with an error, or killed
without a word. mayfly train --resume DIR continues one that has not finished.

Examples:
  $ mayfly runs
  $ mayfly runs runs/rates --json`;

/** The options of `mayfly runs`. */
export const runsCommandOptions = { json: jsonOption('print one JSON object for each run') };

/** `mayfly runs`. */
export function addRunsCommand(program: Command): void {
  const command = program
    .command('runs')
    .description('List runs with their state, steps and losses')
    .argument('[dir...]', 'runs, or folders of runs (default: runs)')
    .addHelpText('after', notes);
  addOptions(command, runsCommandOptions).action(runs);
}

interface ListedRun extends RunStatus {
  readonly name: string;
  readonly folder: string;
  readonly model: string | null;
  readonly step: number;
  readonly steps: number | null;
  readonly loss: number | null;
  /** The lowest validation loss. */
  readonly best: number | null;
  /** ISO 8601: when the run was first started, and the time of its last record. */
  readonly started: string | null;
  readonly updated: string | null;
}

async function runs(given: readonly string[], flags: CommandFlags): Promise<void> {
  const { json = false } = optionsFrom<JsonFlag>(runsCommandOptions, flags);
  const found = foundIn(given);
  const listed: ListedRun[] = [];
  for (const { folder, name } of found) {
    const history = new RunHistory(folder);
    await history.refresh();
    listed.push(listedRun(name, history));
  }
  if (json) for (const run of listed) print(process.stdout, `${toJsonLine(run)}\n`);
  else print(process.stdout, `${listed.length === 0 ? 'no runs' : table(listed)}\n`);
}

/** The folder `runs` that nobody named need not exist. */
function foundIn(given: readonly string[]): ReturnType<typeof findRuns> {
  if (given.length > 0) return findRuns(given);
  try {
    return findRuns(['runs']);
  } catch (error) {
    if (isMayflyError(error) && error.code === 'ERR_FILE_NOT_FOUND') return [];
    throw error;
  }
}

function listedRun(name: string, history: RunHistory): ListedRun {
  const { folder, start, steps, best, sessions, lastTime } = history;
  const last = steps.count - 1;
  const loss = last < 0 ? null : steps.column('loss')[last]!;
  const model = typeof start?.model === 'string' ? start.model : null;
  const iso = (time: number | undefined) =>
    time === undefined || Number.isNaN(time) ? null : new Date(time).toISOString();
  return {
    ...{ name, folder, ...runStatus(history), model, best },
    step: last < 0 ? 0 : steps.column('step')[last]!,
    steps: typeof start?.steps === 'number' ? start.steps : null,
    loss: loss !== null && Number.isFinite(loss) ? loss : null,
    ...{ started: iso(sessions[0]), updated: iso(lastTime) },
  };
}

function table(listed: readonly ListedRun[]): string {
  const header = ['run', 'state', 'step', 'loss', 'validation', 'model', 'last record'];
  const rows = listed.map(({ name, state, pid, host, step, steps, loss, best, model, updated }) => [
    printable(name),
    state === 'running' ? `running (pid ${pid})` : state === 'remote' ? `on ${host}, pid ${pid}` : state,
    `${formatCount(step)}${steps === null ? '' : `/${formatCount(steps)}`}`,
    loss?.toFixed(4) ?? '',
    best?.toFixed(4) ?? '',
    printable(model ?? ''),
    updated === null ? '' : updated.replace('T', ' ').slice(0, 19),
  ]);
  return textTable([header, ...rows], { rule: true });
}
