/**
 * Measures steps of one training in turns, without observers and with all of them. Takes its task as JSON in argv[2], prints a sample as
 * JSON.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTrainer, presets, type RunRecord, TokenArray } from '@mayfly/core';
import { openTrace } from '@mayfly/core/observe';
import { CsvSink, MetricsServer, TensorBoardSink, toJsonLine, WatchPage } from '@mayfly/core/testing';
import { type Paired, pairedRatio } from '../harness/paired-ratio.js';

export interface ObserveTask {
  /** Pairs of turns, and the steps of a turn. */
  readonly pairs: number;
  readonly steps: number;
  readonly quick: boolean;
}

export interface ObserveSample {
  /** Milliseconds of a step without observers, by the clock and of the main process's processor time. */
  readonly alone: { readonly wall: number; readonly cpu: number };
  /** With observers, as a multiple. */
  readonly ratio: { readonly wall: Paired; readonly cpu: Paired };
}

const { pairs, steps, quick } = JSON.parse(process.argv[2]!) as ObserveTask;
const WARMUP = 3;
/** Prometheus's default is 60 s; more often than a user would. */
const SCRAPE_MS = 5000;

const folder = mkdtempSync(join(tmpdir(), 'mayfly-observe-'));
const out = join(folder, 'run');
const config = quick ? presets.tiny : presets.stories15m;
const ids = Uint16Array.from({ length: 65_536 }, (_, index) => (Math.imul(index, 2_654_435_761) >>> 16) % config.vocab);
const trainer = await createTrainer({
  ...{ model: { ...config, name: 'observed' }, data: new TokenArray(ids, 'generated'), out },
  ...{ batch: 1, seq: quick ? 32 : 256, steps: WARMUP + 2 * pairs * steps, lr: 1e-4, checkpointEvery: 1_000_000 },
  pool: { device: 'cpu' },
});
const running = trainer.steps();

/** Everything that `mayfly train` offers: opens it, and returns the end of it. */
async function observe(turn: number): Promise<() => Promise<void>> {
  const trace = openTrace(join(folder, `${turn}.trace.json`));
  const sinks = [new TensorBoardSink(join(folder, `events-${turn}`)), new CsvSink(join(folder, `${turn}.csv`))];
  const onRecord = (record: RunRecord) => {
    for (const sink of sinks) sink.write(JSON.parse(toJsonLine(record)));
  };
  trainer.on('record', onRecord);
  const metrics = await MetricsServer.open(0);
  metrics.start(trainer);
  const scrape = () => void fetch(`http://127.0.0.1:${metrics.port}/metrics`).then((answer) => answer.text());
  scrape();
  const scraping = setInterval(scrape, SCRAPE_MS);
  return async () => {
    clearInterval(scraping);
    trainer.off('record', onRecord);
    await metrics[Symbol.asyncDispose]();
    for (const sink of sinks) sink[Symbol.dispose]();
    trace[Symbol.dispose]();
  };
}

/** Milliseconds of the steps of a turn. Files and servers are opened and closed once in a run: that does not count. */
async function turn(observed: boolean, index: number): Promise<{ wall: number; cpu: number }> {
  const end = observed ? await observe(index) : null;
  const [began, before] = [performance.now(), process.cpuUsage()];
  for (let step = 0; step < steps; step++) await running.next();
  const { user, system } = process.cpuUsage(before);
  const wall = performance.now() - began;
  await end?.();
  return { wall, cpu: (user + system) / 1000 };
}

mkdirSync(out, { recursive: true });
// A process of its own serves the page all the time: it costs the training a line of the log at most, which is always written.
const page = await WatchPage.open(out);
for (let step = 0; step < WARMUP; step++) await running.next();
const wall: [number, number][] = [];
const cpu: [number, number][] = [];
for (let pair = 0; pair < pairs; pair++) {
  const took = new Map<boolean, { wall: number; cpu: number }>();
  // Whoever is second finds the machine as the first has left it: they take turns in that, too.
  for (const observed of pair % 2 === 0 ? [false, true] : [true, false]) took.set(observed, await turn(observed, pair));
  const [alone, observed] = [took.get(false)!, took.get(true)!];
  wall.push([alone.wall, observed.wall]);
  cpu.push([alone.cpu, observed.cpu]);
}
page[Symbol.dispose]();
await trainer.close();
rmSync(folder, { recursive: true, force: true });
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length / steps;
const sample: ObserveSample = {
  alone: { wall: mean(wall.map(([alone]) => alone)), cpu: mean(cpu.map(([alone]) => alone)) },
  ratio: { wall: pairedRatio(wall), cpu: pairedRatio(cpu) },
};
console.log(JSON.stringify(sample));
