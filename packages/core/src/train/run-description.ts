import { arch, cpus, hostname, platform, release, totalmem } from 'node:os';
import manifest from '../../package.json' with { type: 'json' };
import type { OptionOrigin } from '../option-table.js';
import type { FilledTrainOptions, NamedConfig } from './options.js';
import type { Trainer } from './trainer.js';

/** The description of a run: the record `start` of its log, written at the start and at each resume. */
export function describeRun({
  pool,
  options,
  config,
  parameters,
  step,
  run,
  chipWarning,
  form,
  classes,
  ranks,
  ...trainer
}: Trainer) {
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
    tokensPerStep: options.batch * options.seq * options.accumulate * ranks,
    ...(ranks === 1 ? {} : { ranks }),
    out: options.out ?? null,
    run,
    options: plainOptions(options),
    versions,
    machine: machine(),
    workers: pool.stats().workers,
    form,
    ...(trainer.formNotes.length === 0 ? {} : { formNotes: trainer.formNotes }),
    ...(classes === null ? {} : { classes }),
    ...(trainer.workersNote === null ? {} : { workersNote: trainer.workersNote }),
    ...(chipWarning === null ? {} : { chipWarning }),
  };
}

/** The options of a run in `run.yaml`, with the origin of each value. */
export function describeOptions(options: Omit<FilledTrainOptions, 'model'> & { readonly model: string | NamedConfig }) {
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

/** Removes undefined values, values that are not plain data, and environment variables, which may be secret. */
function plainOptions({
  origins: _,
  signal: __,
  layers: ___,
  onProgress: ____,
  collective: _____,
  pool: { signal: ______, env: _______, ...pool },
  ...options
}: Omit<FilledTrainOptions, 'model'> & { readonly model: string | NamedConfig }) {
  return Object.fromEntries(Object.entries({ ...options, pool }).filter(([, value]) => value !== undefined));
}

const versions = { mayfly: manifest.version, node: process.versions.node } as const;

/** The machine that a run is executed on. */
function machine() {
  const processors = cpus();
  return {
    host: hostname(),
    system: `${platform()} ${release()}`,
    architecture: arch(),
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
  };
}
