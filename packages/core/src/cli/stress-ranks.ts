import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MayflyError } from '@mayfly/native';
import { Disturber, type StruckFault } from '../launch/disturber.js';
import { findMpirun, type MpiName, mpiTitles } from '../launch/mpi.js';
import { drawFaults, type RankFaults } from '../launch/rank-faults.js';
import type { RankProcess } from '../launch/rank-lines.js';
import { toJsonLine } from '../observe/json-lines.js';
import { formatDuration, plural, print } from '../observe/text.js';
import { ExitCode } from './errors.js';
import { Interruption, outliveOutput } from './interruption.js';

/** A stress run of several ranks. */
export interface RankStress {
  readonly ranks: number;
  readonly steps: number;
  readonly mpi?: MpiName | undefined;
  readonly faults: Partial<RankFaults>;
  /** Of the faults. */
  readonly seed: number;
  readonly json: boolean;
  /** The command of the ranks, undisturbed. */
  readonly calm: readonly string[];
  /** The same with faults of workers, and with checkpoints in a folder. */
  readonly hard: (out: string) => readonly string[];
}

const mayflyScript = fileURLToPath(new URL('../bin/mayfly.js', import.meta.url));

/** Restarts beyond those that the faults demand: on a slow machine a deadline may pass by itself. */
const SPARE_RESTARTS = 5;
/** Progress is said so often. */
const REPORTS = 10;

/**
 * Trains twice on several ranks, undisturbed and disturbed, and says whether losses and parameters have the same bits.
 *
 * @throws `ERR_MPI` where no launcher is installed; `ERR_RANK` where a run fails for another reason.
 */
export async function stressRanks(stress: RankStress): Promise<void> {
  const { ranks, steps, faults, seed, json } = stress;
  outliveOutput();
  const report = (event: string, fields: object, text: string) =>
    print(process.stdout, json ? `${toJsonLine({ event, ...fields })}\n` : text === '' ? '' : `${text}\n`);
  let run: RankedRun | null = null;
  using interruption = new Interruption(
    () => run?.end('SIGINT'),
    () => run?.end('SIGTERM'),
  );
  const perform = async (name: string, given: RankedOptions) => {
    const begun = performance.now();
    run = new RankedRun(stress, given);
    const result = await run.ended;
    if (interruption.exitCode !== null) return null;
    const { lastStep, paramsSha256, lossesSha256, workerDeaths } = result;
    const wallMs = performance.now() - begun;
    const text = `${name.padEnd(11)} ${plural(lastStep, 'step')} in ${formatDuration(wallMs)}`;
    report(name, { ranks, lastStep, wallMs, paramsSha256, lossesSha256, workerDeaths }, text);
    return result;
  };

  const { mpi, version } = await findMpirun(stress.mpi);
  const due = drawFaults(faults, { ranks, steps, seed });
  report(
    'stress',
    { mpi, version, ranks, steps, faults: due },
    `${plural(ranks, 'rank')} by ${mpiTitles[mpi]} ${version}, ${plural(due.length, 'fault')} of ranks`,
  );
  const silent = () => {};
  const calm = await perform('undisturbed', { words: stress.calm, restarts: 0, onEvent: silent });
  let restarts = 0;
  using disturber = new Disturber(due, (struck) => report('fault', struck, faultText(struck)));
  const onEvent = (event: RankEvent) => {
    if (event.event === 'rank') disturber.onBegin(event as unknown as RankProcess);
    if (event.event === 'step') {
      const step = Number(event.step);
      disturber.onStep(step);
      if (!json && step % Math.ceil(steps / REPORTS) === 0) report('', {}, `step ${step} of ${steps}`);
    }
    if (event.event === 'restart') {
      restarts++;
      disturber.onEnd();
      const { event: _, ...fields } = event;
      const from = event.checkpoint === null ? 'from its beginning' : `from ${event.checkpoint}`;
      report('restart', fields, `restart ${restarts} ${from}`);
    }
  };
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-stress-'));
  let isNeeded = true;
  try {
    const needed = (faults.kill ?? 0) + (faults.hang ?? 0);
    const options = { words: stress.hard(folder), restarts: 2 * needed + SPARE_RESTARTS, onEvent };
    const hard = calm && (await perform('disturbed', options));
    disturber.onEnd();
    if (calm === null || hard === null) {
      isNeeded = false;
      process.exitCode = interruption.exitCode!;
      return;
    }
    const same = calm.paramsSha256 === hard.paramsSha256 && calm.lossesSha256 === hard.lossesSha256;
    const struck = due.length - disturber.left;
    const counts = `${struck} of ${plural(due.length, 'fault')}, ${plural(restarts, 'restart')}`;
    const verdict = same ? 'the same bits' : `OTHER BITS than undisturbed; the run is in ${folder}`;
    report('verdict', { same, struck, due: due.length, restarts }, `${counts}: ${verdict}`);
    isNeeded = !same;
    if (!same) process.exitCode = ExitCode.failure;
  } finally {
    // Where the run failed, or has other bits, its checkpoints and its log may tell why.
    if (!isNeeded) rmSync(folder, { recursive: true, force: true });
  }
}

function faultText({ fault, rank, pid, step, stopMs }: StruckFault): string {
  const what = { kill: 'killed', stop: `stopped for ${stopMs} ms`, hang: 'stopped for good' }[fault];
  return `rank ${rank} (process ${pid}) ${what} after step ${step}`;
}

interface RankEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

interface RankedOptions {
  readonly words: readonly string[];
  readonly restarts: number;
  readonly onEvent: (event: RankEvent) => void;
}

interface RankedResult {
  readonly lastStep: number;
  readonly paramsSha256: unknown;
  readonly lossesSha256: unknown;
  readonly workerDeaths: unknown;
}

/** Lines of stderr that are kept. */
const MOST_WORDS = 20;

/** `mayfly launch` in a process of its own. */
class RankedRun {
  /** Rejects where the run failed. */
  readonly ended: Promise<RankedResult>;
  readonly #launch: ReturnType<typeof spawn>;
  readonly #lastWords: string[] = [];
  #done: RankEvent | null = null;

  constructor({ ranks, mpi }: RankStress, { words, restarts, onEvent }: RankedOptions) {
    const options = ['--ranks', `${ranks}`, '--restarts', `${restarts}`, ...(mpi === undefined ? [] : ['--mpi', mpi])];
    const command = [mayflyScript, 'launch', ...options, '--json', '--', ...words];
    // In a session of its own: what Ctrl-C in the terminal means is decided here.
    this.#launch = spawn(process.execPath, [...process.execArgv, ...command], {
      ...{ stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    });
    createInterface(this.#launch.stdout!).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const event = JSON.parse(line) as RankEvent;
      if (event.event === 'done') this.#done = event;
      onEvent(event);
    });
    createInterface(this.#launch.stderr!).on('line', (line) => {
      this.#lastWords.push(line);
      if (this.#lastWords.length > MOST_WORDS) this.#lastWords.shift();
    });
    this.ended = new Promise((resolve, reject) => {
      this.#launch.once('error', reject);
      this.#launch.once('close', (code) => {
        if (this.#done !== null) resolve(resultOf(this.#done));
        else reject(new MayflyError('ERR_RANK', this.#failure(code)));
      });
    });
  }

  /** Ends the ranks: the first signal lets them finish their step, the second does not. */
  end(signal: NodeJS.Signals): void {
    this.#launch.kill(signal);
  }

  #failure(code: number | null): string {
    const words = this.#lastWords.length === 0 ? '' : `, and said:\n${this.#lastWords.join('\n')}`;
    return `The ranks ended with ${code === null ? 'a signal' : `exit code ${code}`} before the run was done${words}`;
  }
}

const resultOf = ({ last_step, params_sha256, losses_sha256, worker_deaths }: RankEvent): RankedResult => ({
  lastStep: Number(last_step),
  paramsSha256: params_sha256,
  lossesSha256: losses_sha256,
  workerDeaths: worker_deaths,
});
