import type { PoolEvents } from '../pool/types.js';
import type { Trainer } from '../train/trainer.js';
import { formatDuration, plural } from './text.js';

/** A retirement that is under way. */
interface Departure {
  readonly since: number;
  /** Number of its kernels that other workers took over, by worker. */
  readonly takenOver: Map<number, number>;
}

type Retirement = PoolEvents['workerRetire'][0];

/** Writes a line for each retirement, takeover and death of a worker. */
export class WorkerLines {
  readonly #write: (line: string) => void;
  readonly #departures = new Map<number, Departure>();
  #deaths = 0;

  constructor(trainer: Trainer, write: (line: string) => void) {
    this.#write = write;
    trainer.pool.on('workerRetire', (event) => this.#onRetire(event));
    trainer.pool.on('kernelMove', (event) => this.#onMove(event));
    trainer.pool.on('workerExit', (event) => this.#onExit(event));
    trainer.pool.on('budgetLower', (event) => this.#onLower(event));
  }

  #onRetire(event: Retirement): void {
    const { worker, reason, compilations, evaluations, kernels, ageMs } = event;
    this.#departures.set(worker, { since: performance.now(), takenOver: new Map() });
    // The reason already gives one of these figures.
    const use = [
      ...(reason === 'compilations' ? [] : [plural(compilations, 'compilation')]),
      ...(reason === 'evaluations' ? [] : [plural(evaluations, 'evaluation')]),
      ...(reason === 'ageMs' ? [] : [`${formatDuration(ageMs)} old`]),
      ...(reason === 'livePrograms' ? [] : [plural(kernels, 'kernel')]),
    ];
    this.#write(`worker ${worker} retires ${reasons[reason](event)} (${use.join(', ')})`);
  }

  #onLower({ worker, limit, from, to, keptIn }: PoolEvents['budgetLower'][0]): void {
    const use = limit === 'compilations' ? plural(to, 'compilation') : `${plural(to, 'program')} loaded`;
    const kept = keptIn === null ? '' : `; kept for the next run in ${keptIn}`;
    this.#write(`the device refused worker ${worker} more than ${use}: the budget is ${to} instead of ${from}${kept}`);
  }

  #onMove({ from, to, reason, kernel }: PoolEvents['kernelMove'][0]): void {
    if (from === null && reason === 'recover' && this.#deaths > 0) {
      this.#deaths -= 1;
      this.#write(`worker ${to} takes over ${kernel}`);
    }
    if (from === null) return;
    const departure = this.#departures.get(from);
    if (departure === undefined) return;
    if (departure.takenOver.size === 0) this.#write(`worker ${to} takes over from worker ${from}`);
    departure.takenOver.set(to, (departure.takenOver.get(to) ?? 0) + 1);
  }

  #onExit({ worker, pid, exitCode, signal, expected, reason }: PoolEvents['workerExit'][0]): void {
    const departure = this.#departures.get(worker);
    this.#departures.delete(worker);
    if (!expected) {
      this.#deaths += 1;
      const how = signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`;
      this.#write(`worker ${worker} (pid ${pid}) ${how}${reason === null ? '' : ` (${reason})`}: its work is repeated`);
    } else if (departure !== undefined) {
      const moved = [...departure.takenOver].map(([to, kernels]) => `${plural(kernels, 'kernel')} to worker ${to}`);
      const after = formatDuration(performance.now() - departure.since);
      this.#write(`worker ${worker} exited ${after} later${moved.length === 0 ? '' : `; moved ${moved.join(', ')}`}`);
    }
  }
}

/** Completes `worker 1 retires …`. */
const reasons: Readonly<Record<Retirement['reason'], (event: Retirement) => string>> = {
  compilations: ({ compilations }) => `after ${plural(compilations, 'compilation')}`,
  livePrograms: ({ kernels }) => `with ${plural(kernels, 'kernel')} loaded`,
  evaluations: ({ evaluations }) => `after ${plural(evaluations, 'evaluation')}`,
  ageMs: ({ ageMs }) => `at the age of ${formatDuration(ageMs)}`,
  residentBytes: () => 'because its programs hold too much memory',
  rssBytes: () => 'because its process holds too much memory',
  rssGrowthBytes: () => 'because its memory grows',
  failures: () => 'after failures of its device',
  slowdown: () => 'because it became slow',
  requested: () => 'on request',
};
