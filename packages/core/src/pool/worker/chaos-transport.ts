import { invalidArgument } from '@mayfly/native';
import type { WorkerStats } from '@mayfly/worker';
import { packMessage, unpackRequest } from '@mayfly/worker';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { StartTransport, Transport } from './transport.js';

/** Probabilities of faults, each for one dispatch (or one compilation, for `limit`). */
export interface Chaos {
  /** SIGKILL. */
  readonly kill: number;
  /** The worker is stopped and never answers again. */
  readonly hang: number;
  /** A segmentation fault in whatever the worker is doing. */
  readonly crash: number;
  /** The device says that its limit of compilations is reached. */
  readonly limit: number;
}

const faultNames = ['kill', 'hang', 'crash', 'limit'] as const;
const signals = { kill: 'SIGKILL', hang: 'SIGSTOP', crash: 'SIGSEGV' } as const;

/** Parses `kill=0.01,hang=0.001`. */
export function parseChaos(text: string): Chaos {
  const chaos = { kill: 0, hang: 0, crash: 0, limit: 0 };
  for (const part of text.split(',').filter((each) => each !== '')) {
    const [name, value] = part.split('=');
    const fault = faultNames.find((each) => each === name);
    const probability = Number(value);
    if (fault === undefined || !(probability >= 0 && probability <= 1)) {
      throw invalidArgument('chaos', `a list of ${faultNames.join('=P, ')}=P with probabilities from 0 to 1`, part);
    }
    chaos[fault] = probability;
  }
  return chaos;
}

/** Starts workers as `start` does, and injects `faults` into them, in an order that only `seed` decides. */
export function chaosTransport(
  start: StartTransport,
  { faults = {}, seed = 0 }: { readonly faults?: Partial<Chaos> | undefined; readonly seed?: number | undefined },
  onFault: (fault: keyof Chaos) => void,
): StartTransport {
  const random = xoroshiro128plus(seed);
  const strikes = (fault: keyof Chaos) => {
    const probability = faults[fault] ?? 0;
    return probability > 0 && (random.next() >>> 0) / 2 ** 32 < probability;
  };

  return (settings, handlers): Transport => {
    const transport = start(settings, handlers);
    const { connection, pid } = transport;
    const strike = () => {
      const fault = (['kill', 'hang', 'crash'] as const).find(strikes);
      if (fault === undefined) return;
      onFault(fault);
      transport.signal(signals[fault]);
    };
    return {
      pid,
      lastWords: () => transport.lastWords(),
      signal: (signal) => transport.signal(signal),
      connection: {
        dispatch: (id, program, input, output, promise) => {
          connection.dispatch(id, program, input, output, promise);
          strike();
        },
        dispatchPorts: (id, program, offsets) => {
          connection.dispatchPorts(id, program, offsets);
          strike();
        },
        control: (payload) => {
          const { type, request } = unpackRequest(payload);
          if (type !== 'compile' || !strikes('limit')) {
            connection.control(payload);
            return;
          }
          onFault('limit');
          const limit = 'compilations';
          const error = { code: 'ERR_DEVICE_LIMIT', message: 'the compiler refused (injected)', limit } as const;
          queueMicrotask(() => handlers.onControl(packMessage({ type: 'error', request, error, stats: noStats })));
        },
        ref: () => connection.ref(),
        unref: () => connection.unref(),
        close: () => connection.close(),
      },
    };
  };
}

const noStats: WorkerStats = {
  compilations: 0,
  livePrograms: 0,
  evaluations: 0,
  residentBytes: 0,
  evaluateNanoseconds: 0,
  compileNanoseconds: 0,
  processBytes: 0,
};
