import type { OptionOrigin } from '../option-table.js';
import { machine, versions } from '../run/environment.js';
import type { FilledTrainOptions } from './options.js';
import type { Trainer } from './trainer.js';

/** What a run is, where and how it is done: the first record of its log, and of each time that it goes on. */
export function describeRun({ pool, options, config, parameters, step, run, chipWarning }: Trainer) {
  return {
    device: pool.device,
    deviceReason: pool.deviceReason,
    model: options.model,
    parameters,
    config,
    data: options.data,
    precision: options.pool.precision,
    matmul: pool.matmul,
    weights: options.weights,
    steps: options.steps,
    firstStep: step + 1,
    tokensPerStep: options.batch * options.seq * options.accumulate,
    out: options.out ?? null,
    run,
    options: plainOptions(options),
    versions,
    machine: machine(),
    workers: pool.stats().workers,
    ...(chipWarning === null ? {} : { chipWarning }),
  };
}

/** What `run.yaml` says of a run's options: all as they are, and who decided. */
export function describeOptions(options: FilledTrainOptions) {
  const named = (origin: OptionOrigin) =>
    Object.entries(options.origins).flatMap(([name, from]) => (from === origin ? [name] : []));
  return {
    options: plainOptions(options),
    given: named('given'),
    resumed: named('resumed'),
    derived: named('derived'),
    versions,
    machine: machine(),
  };
}

/** Without what is left out, what is no data, and environment variables, which may be secret. */
function plainOptions({
  origins: _,
  signal: __,
  layers: ___,
  pool: { signal: ____, env: _____, ...pool },
  ...options
}: FilledTrainOptions) {
  return Object.fromEntries(Object.entries({ ...options, pool }).filter(([, value]) => value !== undefined));
}
