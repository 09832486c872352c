import type { PoolEvents } from '../pool/types.js';
import type { Trainer } from '../train/trainer.js';
import { formatDuration, plural } from './text.js';

/** A worker that is on its way out. */
interface Departure {
  readonly since: number;
  /** Kernels that other workers took over from it, by worker. */
  readonly takenOver: Map<number, number>;
}

/** Tells retirements, takeovers and deaths of workers, one line each. */
export class WorkerNarrator {
  readonly #tell: (line: string) => void;
  readonly #departures = new Map<number, Departure>();
  #deaths = 0;

  constructor(trainer: Trainer, tell: (line: string) => void) {
    this.#tell = tell;
    trainer.on('workerRetire', (event) => this.#onRetire(event));
    trainer.on('kernelMove', (event) => this.#onMove(event));
    trainer.on('workerExit', (event) => this.#onExit(event));
    trainer.on('budgetLower', (event) => this.#onLowered(event));
  }

  #onRetire({ worker, reason, compilations, evaluations, kernels, ageMs }: PoolEvents['workerRetire'][0]): void {
    this.#departures.set(worker, { since: performance.now(), takenOver: new Map() });
    const use = `${plural(compilations, 'compilation')}, ${plural(evaluations, 'evaluation')}`;
    const held = plural(kernels, 'kernel');
    this.#tell(`worker ${worker} retires (${reasons[reason]}): ${use}, ${formatDuration(ageMs)} old, holds ${held}`);
  }

  #onLowered({ worker, limit, from, to, keptIn }: PoolEvents['budgetLower'][0]): void {
    const beyond = limit === 'compilations' ? `after ${plural(to, 'compilation')}` : `beside ${plural(to, 'program')}`;
    const kept = keptIn === null ? '' : `; kept for the next run in ${keptIn}`;
    this.#tell(`worker ${worker} was refused ${beyond}: the budget is ${to} instead of ${from}${kept}`);
  }

  #onMove({ from, to, reason, kernel }: PoolEvents['kernelMove'][0]): void {
    if (from === null && reason === 'recover' && this.#deaths > 0) {
      this.#deaths -= 1;
      this.#tell(`worker ${to} takes over ${kernel}`);
    }
    if (from === null) return;
    const departure = this.#departures.get(from);
    if (departure === undefined) return;
    if (departure.takenOver.size === 0) this.#tell(`worker ${to} takes over from worker ${from}`);
    departure.takenOver.set(to, (departure.takenOver.get(to) ?? 0) + 1);
  }

  #onExit({ worker, pid, exitCode, signal, expected, reason }: PoolEvents['workerExit'][0]): void {
    const departure = this.#departures.get(worker);
    this.#departures.delete(worker);
    if (!expected) {
      this.#deaths += 1;
      const how = signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`;
      this.#tell(`worker ${worker} (pid ${pid}) ${how}${reason === null ? '' : ` (${reason})`}: its work is repeated`);
    } else if (departure !== undefined) {
      const moved = [...departure.takenOver].map(([to, kernels]) => `${plural(kernels, 'kernel')} to worker ${to}`);
      const after = formatDuration(performance.now() - departure.since);
      this.#tell(`worker ${worker} exited ${after} later${moved.length === 0 ? '' : `; moved ${moved.join(', ')}`}`);
    }
  }
}

const reasons = {
  compilations: 'out of compilations',
  livePrograms: 'full of programs',
  evaluations: 'evaluated enough',
  ageMs: 'old enough',
  residentBytes: 'its programs hold too much memory',
  rssBytes: 'its process holds too much memory',
  rssGrowthBytes: 'its memory grows',
  failures: 'failed too often',
  slowdown: 'became slow',
  requested: 'asked to',
} as const satisfies Record<PoolEvents['workerRetire'][0]['reason'], string>;
