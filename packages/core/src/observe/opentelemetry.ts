/**
 * `@mayfly/core/opentelemetry`: spans and metrics for OpenTelemetry. Needs `@opentelemetry/api`, an optional peer of this package.
 *
 * @module
 */
import { subscribe, type TracingChannel, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import {
  type Attributes,
  type Meter,
  type MeterProvider,
  metrics,
  type Observable,
  type Span,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { CompileMessage, DispatchMessage, KernelMessage, WorkerMessage } from '../pool/channels.js';
import type { Pool } from '../pool/pool.js';
import type { EnergyMessage, StepMessage, TrainerWorkMessage } from '../train/channels.js';
import { EnergyTotals, energyMetricList } from './energy-metrics.js';
import { evaluationHistogram, type Metric, mainProcessMetric, poolMetricList } from './pool-metric-list.js';

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  /** Default: the one that the application registered. */
  readonly tracerProvider?: TracerProvider;
  /** Default: the one that the application registered. */
  readonly meterProvider?: MeterProvider;
}

/**
 * Makes spans and metrics of all pools and trainers that this process creates from now on, until it is disposed of. Register the application's
 * providers before the call. `docs/pool/observe.md` lists the names.
 *
 * @example
 * ```ts
 * using _ = instrument();
 * ```
 */
export function instrument(options: InstrumentOptions = {}): Disposable {
  const tracer = (options.tracerProvider ?? trace).getTracer('mayfly');
  const meter = (options.meterProvider ?? metrics).getMeter('mayfly');
  const subscriptions = new Subscriptions();
  makeSpans(subscriptions, tracer);
  makeMetrics(subscriptions, meter);
  return subscriptions;
}

/** Subscriptions to channels, and what else ends with them. */
class Subscriptions implements Disposable {
  readonly #ends: (() => void)[] = [];

  onEnd(end: () => void): void {
    this.#ends.push(end);
  }

  plain<Message>(name: string, listener: (message: Message) => void): void {
    const onMessage = (message: unknown) => listener(message as Message);
    subscribe(name, onMessage);
    this.onEnd(() => unsubscribe(name, onMessage));
  }

  traced<Message extends object>(
    name: string,
    { onStart, onEnd }: { readonly onStart?: (message: Message) => void; readonly onEnd: (message: Message) => void },
  ): void {
    const { start, asyncEnd }: TracingChannel<object, object> = tracingChannel(name);
    const started = (message: unknown) => onStart?.(message as Message);
    const ended = (message: unknown) => onEnd(message as Message);
    start.subscribe(started);
    asyncEnd.subscribe(ended);
    this.onEnd(() => {
      start.unsubscribe(started);
      asyncEnd.unsubscribe(ended);
    });
  }

  [Symbol.dispose](): void {
    for (const end of this.#ends.splice(0)) end();
  }
}

function makeSpans(subscriptions: Subscriptions, tracer: Tracer): void {
  const span = <Message extends { readonly error?: unknown }>(
    name: string,
    atStart: (message: Message) => Attributes,
    atEnd: (message: Message) => Attributes = () => ({}),
  ) => {
    const spans = new Map<Message, Span>();
    subscriptions.traced<Message>(`mayfly:${name}`, {
      onStart: (message) => spans.set(message, tracer.startSpan(`mayfly.${name}`, { attributes: atStart(message) })),
      onEnd: (message) => {
        const began = spans.get(message);
        if (began === undefined) return;
        spans.delete(message);
        const { error } = message;
        if (error instanceof Error) {
          began.recordException(error);
          began.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
        } else {
          began.setAttributes(atEnd(message));
        }
        began.end();
      },
    });
    subscriptions.onEnd(() => {
      for (const began of spans.values()) began.end();
    });
  };
  span<CompileMessage>(
    'compile',
    ({ kernel, worker, pid, reason }) => ({
      'mayfly.kernel': kernel,
      'mayfly.worker': worker,
      'mayfly.reason': reason,
      'process.pid': pid,
    }),
    ({ compilation }) => (compilation === undefined ? {} : { 'mayfly.device.seconds': compilation.nanoseconds / 1e9 }),
  );
  span<StepMessage>(
    'step',
    ({ step }) => ({ 'mayfly.step': step }),
    ({ result }) => (result === undefined ? {} : { 'mayfly.loss': result.loss, 'mayfly.skipped': result.skipped }),
  );
  for (const name of ['checkpoint', 'evaluation', 'sample']) {
    span<TrainerWorkMessage>(name, ({ step }) => ({ 'mayfly.step': step }));
  }
  subscriptions.plain<KernelMessage>('mayfly:kernel', (message) => {
    if (message.event !== 'kernelMove') return;
    const { kernel, from, to, reason, ms } = message;
    if (from === null && reason !== 'recover') return;
    const startTime = performance.now() - ms;
    const attributes = { 'mayfly.kernel': kernel, 'mayfly.worker': to, 'mayfly.reason': reason };
    tracer
      .startSpan('mayfly.takeover', {
        startTime,
        attributes: { ...attributes, 'mayfly.worker.from': from ?? undefined },
      })
      .end(startTime + ms);
  });
}

/** A pool, its number in this process, its retirements by reason, and the energy of its trainings. */
interface Observed {
  readonly pool: WeakRef<Pool>;
  readonly number: number;
  readonly retirements: Map<string, number>;
  readonly energy: EnergyTotals;
}

function makeMetrics(subscriptions: Subscriptions, meter: Meter): void {
  const numbers = new WeakMap<object, Observed>();
  const pools = new Set<Observed>();
  let numberOfPools = 0;
  const observed = (pool: object): Observed => {
    const known = numbers.get(pool);
    if (known !== undefined) return known;
    numberOfPools += 1;
    const made: Observed = {
      ...{ pool: new WeakRef(pool as Pool), number: numberOfPools },
      ...{ retirements: new Map(), energy: new EnergyTotals() },
    };
    numbers.set(pool, made);
    pools.add(made);
    return made;
  };
  subscriptions.plain<WorkerMessage>('mayfly:worker', (message) => {
    const { retirements } = observed(message.pool);
    if (message.event !== 'workerRetire') return;
    retirements.set(message.reason, (retirements.get(message.reason) ?? 0) + 1);
  });

  subscriptions.plain<EnergyMessage>('mayfly:energy', (message) => observed(message.pool).energy.add(message));

  const latency = meter.createHistogram(nameOf(evaluationHistogram.name), {
    description: evaluationHistogram.help,
    unit: 's',
    advice: { explicitBucketBoundaries: [...evaluationHistogram.bounds] },
  });
  subscriptions.traced<DispatchMessage>('mayfly:dispatch', {
    onEnd: ({ pool, kernel, evaluation }) => {
      if (evaluation === undefined) return;
      latency.record(evaluation.nanoseconds / 1e9, { pool: observed(pool).number, kernel });
    },
  });

  const instruments = instrumentsOf(meter, poolMetricList);
  const energyInstruments = instrumentsOf(meter, energyMetricList);
  const main = meter.createObservableGauge(nameOf(mainProcessMetric.name), {
    description: mainProcessMetric.help,
    unit: 'By',
  });
  const all = [...instruments.keys(), ...energyInstruments.keys(), main];
  // One callback for all: the statistics of a pool are taken once.
  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    result.observe(main, mainProcessMetric.value());
    for (const each of pools) {
      const pool = each.pool.deref();
      if (pool === undefined) {
        pools.delete(each);
        continue;
      }
      const { number, retirements, energy } = each;
      const observeAll = <Source>(of: Instruments<Source>, source: Source) => {
        for (const [instrument, samples] of of) {
          for (const [labels, value] of samples(source)) result.observe(instrument, value, { pool: number, ...labels });
        }
      };
      observeAll(instruments, { stats: pool.stats(), arena: pool.arena, retirements });
      observeAll(energyInstruments, energy);
    }
  };
  meter.addBatchObservableCallback(observe, all);
  subscriptions.onEnd(() => meter.removeBatchObservableCallback(observe, all));
}

type Instruments<Source> = ReadonlyMap<Observable, Metric<Source>['samples']>;

const instrumentsOf = <Source>(meter: Meter, list: readonly Metric<Source>[]): Instruments<Source> =>
  new Map(
    list.map(({ name, type, help, samples }) => {
      const options = { description: help, unit: unitOf(name) };
      const made: Observable =
        type === 'counter'
          ? meter.createObservableCounter(nameOf(name), options)
          : meter.createObservableGauge(nameOf(name), options);
      return [made, samples];
    }),
  );

/** Prometheus's name with dots and without `_total`, which exporters for Prometheus turn back into it. */
const nameOf = (name: string): string => name.replace(/_total$/, '').replaceAll('_', '.');

/** Counts have none: exporters would add `_ratio` for the unit 1. */
const unitOf = (name: string): string => {
  const [, base] = /_(bytes|seconds|joules)(?:_total)?$/.exec(name) ?? [];
  return base === undefined ? '' : { bytes: 'By', seconds: 's', joules: 'J' }[base]!;
};
