import { invalidArgument } from '@mayfly/native';
import { packMessage, unpackRequest, type WorkerStats } from '@mayfly/worker';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { number, type Rule } from '../../check.js';
import { nested, type OptionTable } from '../../option-table.js';
import type { StartTransport, Transport } from './transport.js';

/** Probabilities of faults, each for one dispatch (or one compilation, for `limit`). */
export interface Chaos {
  /** SIGKILL. */
  readonly kill: number;
  /** The worker is stopped and never answers again. */
  readonly hang: number;
  /** A segmentation fault, wherever the worker is. */
  readonly crash: number;
  /** The device refuses a compilation: its limit is reached. */
  readonly limit: number;
}

const signals = { kill: 'SIGKILL', hang: 'SIGSTOP', crash: 'SIGSEGV' } as const;

const probability = number('from 0 to 1', (value) => value >= 0 && value <= 1);

/** The table of `Chaos`. */
export const chaosFaults = {
  kill: { rule: probability, default: 0 },
  hang: { rule: probability, default: 0 },
  crash: { rule: probability, default: 0 },
  limit: { rule: probability, default: 0 },
} as const satisfies OptionTable<Chaos>;

/** The rule of faults, written as `kill=0.01,hang=0.001`. */
export const chaosRule: Rule<Partial<Chaos>> = {
  ...nested<Chaos>(chaosFaults).rule,
  read(name, text) {
    const chaos: Record<string, number> = {};
    for (const part of text.split(',').filter((each) => each !== '')) {
      const [fault = '', value = ''] = part.split('=');
      if (!Object.hasOwn(chaosFaults, fault)) {
        throw invalidArgument(name, `a list of ${Object.keys(chaosFaults).join('=P, ')}=P`, part);
      }
      chaos[fault] = probability.read(`${name}'s ${fault}`, value);
    }
    return chaos;
  },
};

/** Starts workers by `start`, and injects `faults` into them, in an order that depends on `seed` alone. */
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
        dispatch: (id, program, input, output, reuse) => {
          connection.dispatch(id, program, input, output, reuse);
          strike();
        },
        dispatchPorts: (id, program, offsets) => {
          connection.dispatchPorts(id, program, offsets);
          strike();
        },
        prefetch: (program, input, reuse) => connection.prefetch(program, input, reuse),
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
        get evaluationEnd() {
          return connection.evaluationEnd;
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
  copiedInBytes: 0,
  copiedOutBytes: 0,
  prefetchedBytes: 0,
  processBytes: 0,
};
