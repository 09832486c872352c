import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { RunStatus } from '../history/run-state.js';
import { toJsonLine } from '../observe/json-lines.js';
import { textTable } from '../observe/table.js';
import { formatCount, print, printable } from '../observe/text.js';
import { runEntry } from '../watch/run-views.js';
import { type WatchedRun, WatchedRuns } from '../watch/watched-runs.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';

const notes = `
A run is running while its process lives; finished after its last step; stopped by its user, failed with an error, or killed,
when its process is gone and wrote no reason. mayfly train --resume DIR continues one that has not finished.

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
  /** Of the last step; null without one, and where it is no number. */
  readonly loss: number | null;
  /** The lowest validation loss. */
  readonly best: number | null;
  /** ISO 8601: when the run was first started, and the time of its last record. */
  readonly started: string | null;
  readonly updated: string | null;
}

async function runs(given: readonly string[], flags: CommandFlags): Promise<void> {
  const { json = false } = optionsFrom<JsonFlag>(runsCommandOptions, flags);
  const watched = new WatchedRuns(given.length === 0 ? ['runs'] : given);
  // The default folder, `runs`, need not exist; a folder that was named must.
  if (given.length > 0 || existsSync('runs')) await watched.refresh();
  const listed = watched.all.map(listedRun);
  if (json) for (const run of listed) print(process.stdout, `${toJsonLine(run)}\n`);
  else print(process.stdout, `${listed.length === 0 ? 'no runs' : table(listed, process.stdout.columns)}\n`);
}

function listedRun(run: WatchedRun): ListedRun {
  const { name, folder, state, pid, host, model, best, step, steps, loss, started, updated } = runEntry(run);
  const iso = (time: number | null) => (time === null ? null : new Date(time).toISOString());
  const times = { started: iso(started), updated: iso(updated) };
  return { name, folder, state, pid, host, model, best, step, steps, loss, ...times };
}

const header = ['run', 'state', 'step', 'loss', 'validation', 'model', 'last record'] as const;
/** The columns that a narrow terminal lacks, in this order. */
const spared: readonly (typeof header)[number][] = ['model', 'last record', 'validation', 'loss'];

/** @param width Columns of the terminal; undefined where there is none. */
function table(listed: readonly ListedRun[], width = Number.POSITIVE_INFINITY): string {
  const rows = listed.map(({ name, state, pid, host, step, steps, loss, best, model, updated }) => ({
    run: printable(name),
    state: state === 'running' ? `running (pid ${pid})` : state === 'remote' ? `on ${host}, pid ${pid}` : state,
    step: `${formatCount(step)}${steps === null ? '' : `/${formatCount(steps)}`}`,
    loss: loss?.toFixed(4) ?? (step === 0 ? '' : 'no number'),
    validation: best?.toFixed(4) ?? '',
    model: printable(model ?? ''),
    'last record': updated === null ? '' : `${ageText(Date.now() - Date.parse(updated))} ago`,
  }));
  for (let without = 0; ; without++) {
    const columns = header.filter((name) => !spared.slice(0, without).includes(name));
    const text = textTable([columns, ...rows.map((row) => columns.map((name) => row[name]))], { rule: true });
    const isNarrow = text.split('\n').every((line) => line.length <= width);
    if (isNarrow || without === spared.length) return text;
  }
}

const ages = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const;

/** `12 s`, `3 min`, `2 h`, `5 d`: whole units, rounded down. */
function ageText(milliseconds: number): string {
  const [size, unit] = ages.find(([each]) => milliseconds >= each) ?? ages.at(-1)!;
  return `${formatCount(Math.max(0, Math.floor(milliseconds / size)))} ${unit}`;
}
