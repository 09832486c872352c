/**
 * Measures steps of one training in turns: without observers, with each of them alone, with all, and without again. Takes its task as JSON in
 * argv[2], prints a sample as JSON.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTrainer, presets, type RunRecord, TokenArray } from '@mayfly/core';
import { openTrace } from '@mayfly/core/observe';
import { CsvSink, MetricsServer, RecordBatches, TensorBoardSink, WatchPage } from '@mayfly/core/testing';
import type { Look } from './observe-client.js';

export interface ObserveTask {
  /** Rounds end after so long; each has a turn of every case. */
  readonly seconds: number;
  readonly quick: boolean;
}

/** What a turn has on. */
export type ObserveCase = (typeof cases)[number];

/** Milliseconds of a step: by the clock, of processor time of the main process, and of its main thread (null where the system does not count that). */
export interface Took {
  readonly wall: number;
  readonly cpu: number;
  readonly thread: number | null;
}

/** A turn of a case, and the turns before and after it, in which nothing is on. */
export interface ObserveTurn {
  readonly which: ObserveCase;
  readonly took: Took;
  readonly before: Took;
  readonly after: Took;
}

export interface ObserveSample {
  readonly turns: readonly ObserveTurn[];
  /** Bytes of a step in the trace. */
  readonly traceBytes: number;
}

/** `nothing` beside nothing shows what the machine's own noise makes of equal things. `everything` is measured twice a round. */
const cases = ['nothing', 'trace', 'everything', 'tables', 'metrics', 'everything', 'page'] as const;
/** More than a second, in which a trace is written twice. Longer turns meet more of a machine's drift. */
const STEPS = 12;
const WARMUP = 8;
/** Of the time of each case with metrics, as `grafana/prometheus.yml` has it: a scrape in about every fourth turn. */
const SCRAPE_MS = 5000;

const { seconds, quick } = JSON.parse(process.argv[2]!) as ObserveTask;
const folder = mkdtempSync(join(tmpdir(), 'mayfly-observe-'));
const out = join(folder, 'run');
const config = quick ? presets.tiny : presets.stories15m;
const ids = Uint16Array.from({ length: 65_536 }, (_, index) => (Math.imul(index, 2_654_435_761) >>> 16) % config.vocab);
const trainer = await createTrainer({
  ...{ model: { ...config, name: 'observed' }, data: new TokenArray(ids, 'generated'), out },
  ...{ batch: 1, seq: quick ? 32 : 256, steps: 1_000_000, lr: 1e-4, checkpointEvery: 10_000_000 },
  pool: { device: 'cpu' },
});
const running = trainer.steps();
mkdirSync(out, { recursive: true });
// A process of its own serves the page. While no browser listens it does nothing.
const page = await WatchPage.open(out);
const client = fork(new URL('./observe-client.js', import.meta.url));

interface Observed {
  /** To scrape. */
  readonly metrics: string | null;
  /** To open. */
  readonly page: string | null;
  /** Hands on what was collected: work that belongs to the steps. */
  flush(): void;
  close(): Promise<void>;
}

/** Time since a case was scraped. */
const unscraped = new Map<ObserveCase, number>();
let opened = 0;
let traceBytes = 0;
let tracedSteps = 0;

/** What `mayfly train` offers, or a part of it. */
async function observe(which: ObserveCase | null): Promise<Observed> {
  const has = (part: ObserveCase) => which === part || which === 'everything';
  opened += 1;
  const traceFile = join(folder, `${opened}.trace.json`);
  const trace = has('trace') ? openTrace(traceFile) : null;
  const sinks = has('tables')
    ? [new TensorBoardSink(join(folder, `events-${opened}`)), new CsvSink(join(folder, `${opened}.csv`))].map(
        (sink) => new RecordBatches(sink),
      )
    : [];
  const onRecord = (record: RunRecord) => {
    for (const sink of sinks) sink.add(record);
  };
  if (has('tables')) trainer.on('record', onRecord);
  const metrics = has('metrics') ? await MetricsServer.open(0) : null;
  metrics?.start(trainer);
  return {
    metrics: metrics === null ? null : `http://127.0.0.1:${metrics.port}/metrics`,
    page: has('page') ? page.url : null,
    flush() {
      trainer.off('record', onRecord);
      for (const sink of sinks) sink[Symbol.dispose]();
      trace?.[Symbol.dispose]();
    },
    async close() {
      await metrics?.[Symbol.asyncDispose]();
      if (trace === null) return;
      traceBytes += statSync(traceFile).size;
      tracedSteps += STEPS;
      rmSync(traceFile);
    },
  };
}

/** Milliseconds of a step. What happens once in a run, servers and pages that open and close, does not count; writing files does. */
async function turn(which: ObserveCase | null): Promise<Took> {
  const { metrics, page, flush, close } = await observe(which);
  if (page !== null) await tell({ open: page });
  if (metrics !== null && isScrapeDue(which!)) client.send({ scrape: metrics } satisfies Look);
  const [began, cpu, thread] = [performance.now(), process.cpuUsage(), threadMs()];
  for (let step = 0; step < STEPS; step++) await running.next();
  flush();
  const threadEnd = threadMs();
  const { user, system } = process.cpuUsage(cpu);
  const wall = performance.now() - began;
  if (which !== null) unscraped.set(which, (unscraped.get(which) ?? 0) + wall);
  await tell({ end: true });
  await close();
  const ofThread = thread === null || threadEnd === null ? null : (threadEnd - thread) / STEPS;
  return { wall: wall / STEPS, cpu: (user + system) / 1000 / STEPS, thread: ofThread };
}

function isScrapeDue(which: ObserveCase): boolean {
  const left = (unscraped.get(which) ?? 0) - SCRAPE_MS;
  if (left >= 0) unscraped.set(which, left);
  return left >= 0;
}

/** Sends the client a message, and waits for its answer. */
async function tell(look: Look): Promise<void> {
  const answered = once(client, 'message');
  client.send(look);
  await answered;
}

/** Processor time of the main thread so far. */
function threadMs(): number | null {
  const file = `/proc/self/task/${process.pid}/schedstat`;
  return existsSync(file) ? Number(readFileSync(file, 'latin1').split(' ')[0]) / 1e6 : null;
}

for (let step = 0; step < WARMUP; step++) await running.next();
// Code is slow when it runs for the first time, which a long run pays once.
for (const which of cases) await turn(which);

const taken: ObserveTurn[] = [];
const end = performance.now() + 1000 * seconds;
let before = await turn(null);
for (let round = 0; performance.now() < end || round < 2; round++) {
  // Each case has every other as its neighbour.
  const shift = round % cases.length;
  for (const which of [...cases.slice(shift), ...cases.slice(0, shift)]) {
    const took = await turn(which);
    const after = await turn(null);
    taken.push({ which, took, before, after });
    before = after;
  }
}
client.disconnect();
page[Symbol.dispose]();
await trainer.close();
rmSync(folder, { recursive: true, force: true });

const sample: ObserveSample = { turns: taken, traceBytes: traceBytes / tracedSteps };
process.stdout.write(`${JSON.stringify(sample)}\n`, () => process.exit(0));
