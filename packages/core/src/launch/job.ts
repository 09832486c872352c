import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { MpirunWords } from './mpirun-words.js';
import { decodeRankLines, type RankEnd, type RankProcess } from './rank-lines.js';

/** How a job ended. */
export interface JobEnd {
  /** Of `mpirun`; null where a signal ended it. */
  readonly code: number | null;
  /** The rank that failed first, for which `mpirun` ended the others; null where none did. */
  readonly failed: RankEnd | null;
  /** What `ssh` said of a host to which it did not get; null where all ranks began. */
  readonly unreachable: string | null;
  /** The first and the last lines that `mpirun` wrote itself. */
  readonly words: readonly string[];
}

export interface JobOptions {
  /** The process of a rank has begun. */
  readonly onBegin: (process: RankProcess) => void;
  /** A line that rank 0 wrote to stdout. */
  readonly onOutput: (text: string) => void;
  /** Any other line of a rank. */
  readonly onMessage: (rank: number, text: string) => void;
}

/** MPICH's `mpirun` waits for a host that cannot be reached; other hosts may follow until then. */
const UNREACHABLE_MS = 3000;
/** After which an `mpirun` that was told to end is killed. Open MPI takes 2 s to end its ranks. */
const KILL_MS = 10_000;

/** Ranks that `mpirun` runs, each under `rank.ts`. */
export class Job {
  readonly ended: Promise<JobEnd>;
  readonly #mpirun: ReturnType<typeof spawn>;
  readonly #options: JobOptions;
  readonly #words = new MpirunWords();
  #failed: RankEnd | null = null;
  #isStopping = false;
  #hasBegun = false;
  #hasOutput = false;

  constructor([path, ...words]: readonly string[], options: JobOptions) {
    this.#options = options;
    // In a session of its own: Ctrl-C in the terminal would make Open MPI end the ranks within 2 s, saved or not.
    this.#mpirun = spawn(path!, words, { stdio: 'pipe', detached: true });
    // Only its end is of use.
    this.#mpirun.stdin!.on('error', () => {});
    for (const stream of [this.#mpirun.stdout!, this.#mpirun.stderr!]) {
      createInterface(stream).on('line', (line) => this.#onLine(line));
    }
    this.ended = new Promise((resolve, reject) => {
      this.#mpirun.once('error', reject);
      this.#mpirun.once('close', (code) => {
        const unreachable = this.#hasBegun ? null : this.#words.unreachable;
        resolve({ code, failed: this.#failed, unreachable, words: this.#words.lines });
      });
    });
  }

  /**
   * Lets the ranks finish the step and save: both MPIs pass on SIGUSR1 as it is, but not SIGTERM. Before rank 0 has written anything there is
   * nothing to save, and the ranks end at once.
   */
  stop(): void {
    this.#isStopping = true;
    if (this.#hasOutput) this.#mpirun.kill('SIGUSR1');
    else this.kill();
  }

  /** Ends the ranks at once. */
  kill(): void {
    this.#isStopping = true;
    this.#mpirun.kill('SIGTERM');
    setTimeout(() => this.#mpirun.kill('SIGKILL'), KILL_MS).unref();
  }

  #onLine(line: string): void {
    const { lines, rest } = decodeRankLines(line);
    const wasReachable = this.#words.unreachable === null;
    this.#words.add(rest);
    if (wasReachable && this.#words.unreachable !== null && !this.#hasBegun)
      setTimeout(() => this.#endUnlessBegun(), UNREACHABLE_MS).unref();
    for (const each of lines) {
      if (each.kind === 'end') this.#onEnd(each.end);
      else if (each.kind === 'begin') this.#onBegin(each.process);
      else if (each.kind === 'out' && each.rank === 0) this.#onOutput(each.text);
      else this.#options.onMessage(each.rank, each.text);
    }
  }

  #onBegin(process: RankProcess): void {
    this.#hasBegun = true;
    this.#options.onBegin(process);
  }

  #endUnlessBegun(): void {
    if (!this.#hasBegun) this.kill();
  }

  #onOutput(text: string): void {
    this.#hasOutput = true;
    this.#options.onOutput(text);
  }

  #onEnd(end: RankEnd): void {
    if (end.code !== 0 && !this.#isStopping) this.#failed ??= end;
  }
}
