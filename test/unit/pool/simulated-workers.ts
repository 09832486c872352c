import type { Arena, StartTransport, Transport } from '@mayfly/core/testing';
import { MayflyError } from '@mayfly/native';
import { unpackRequest } from '@mayfly/worker';
import { type Item, SimulatedWorker } from './simulated-worker.js';

/** One evaluation that some worker made. */
export interface Seen {
  /** Of the program: which weights it has. */
  readonly weight: number;
  /** The pool had given the worker up before. */
  readonly late: boolean;
}

/** Workers in one process, which run only as far as `step` lets them. */
export class SimulatedWorkers {
  readonly workers: SimulatedWorker[] = [];
  /** Evaluations by the offset of their output. */
  readonly seen = new Map<number, Seen[]>();
  /** Told of each dispatch, before its worker knows of it. */
  onDispatch: (worker: SimulatedWorker, program: number) => void = () => {};
  /** Starts that the system refuses from now on. */
  refusals = 0;
  /** Starts that it has refused. */
  refused = 0;
  /** Most processes that were there at once. */
  mostProcesses = 0;
  /** Messages and dispatches sent to workers. */
  posts = 0;
  #pids = 1000;

  readonly transport = (arena: Arena): StartTransport => {
    return (settings, handlers): Transport => {
      if (this.refusals > 0) {
        this.refusals -= 1;
        this.refused += 1;
        throw new MayflyError('ERR_SPAWN', 'Resource temporarily unavailable');
      }
      const worker = new SimulatedWorker(settings.worker, ++this.#pids, arena, handlers, this.seen);
      this.workers.push(worker);
      this.mostProcesses = Math.max(this.mostProcesses, this.processes.length);
      const post = (item: Item) => {
        this.posts += 1;
        if (item.kind === 'dispatch') this.onDispatch(worker, item.program);
        worker.receive(item);
      };
      return {
        pid: worker.pid,
        connection: {
          dispatch: (id, program, input, output) => post({ kind: 'dispatch', id, program, offsets: [input, output] }),
          dispatchPorts: (id, program, offsets) => post({ kind: 'dispatch', id, program, offsets }),
          control: (payload) => post({ kind: 'control', request: unpackRequest(payload) }),
          ref: () => {},
          unref: () => {},
          close: () => worker.closeConnection(),
        },
        lastWords: () => '',
        signal: (signal) => worker.die(null, signal),
      };
    };
  };

  /** Those that run, and those that ended and were not reaped. */
  get processes(): SimulatedWorker[] {
    return this.workers.filter((worker) => !worker.reaped);
  }

  /** Steps everything until nothing is due and no promise continues; `once`, only one step of each. */
  async settle(once = false): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const moved = this.workers.map((worker) => worker.step()).some(Boolean);
      quiet = moved ? 0 : quiet + 1;
      if (once) return;
    }
  }
}
