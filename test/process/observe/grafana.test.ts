import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { emulators } from '../../fixtures/ane-emulator.js';
import { type Ended, type JsonEvent, mayfly } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const folder = temporaryFolder();
const published = (name: string) => fileURLToPath(new URL(`../../../packages/core/grafana/${name}`, import.meta.url));
const dashboard: { readonly panels: readonly Panel[] } = JSON.parse(readFileSync(published('mayfly.json'), 'utf8'));
/** The queries of the panels, as Grafana sends them for all instances. */
const queries = dashboard.panels.flatMap(({ targets = [] }) =>
  targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.+')),
);
const names = new Set(queries.flatMap((query) => query.match(/mayfly_[a-z_]+/g) ?? []));
const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;

test('the dashboard for Grafana asks for metrics that the page lists', () => {
  const page = readFileSync(new URL('../../../docs/pool/observe.md', import.meta.url), 'utf8');
  expect(names.size).toBeGreaterThan(20);
  for (const name of names) expect(page).toContain(`\`${name.replace(/_(bucket|sum)$/, '')}\``);
});

/** Ends a process that the test started. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

const started: ChildProcess[] = [];
afterAll(() => Promise.all(started.map((child) => end(child, 'SIGTERM'))));

/** Starts Prometheus with the published configuration, but for target and interval. */
async function startPrometheus(target: string): Promise<{ readonly child: ChildProcess; readonly address: string }> {
  const configuration = parse(readFileSync(published('prometheus.yml'), 'utf8'));
  configuration.global.scrape_interval = '250ms';
  configuration.scrape_configs[0].static_configs[0].targets = [target];
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, JSON.stringify(configuration));
  const storage = join(folder, 'prometheus');
  mkdirSync(storage);
  const flags = [
    ...[`--config.file=${file}`, `--storage.tsdb.path=${storage}`, '--web.listen-address=127.0.0.1:0'],
    // How soon it finds its target: 5 s by default.
    '--scrape.discovery-reload-interval=100ms',
  ];
  const child = spawn('prometheus', flags, { stdio: ['ignore', 'ignore', 'pipe'] });
  started.push(child);
  for await (const line of createInterface(child.stderr)) {
    const address = /msg="Listening on" address=(\S+)/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stderr.resume();
    return { child, address: `http://${address}` };
  }
  throw new Error('Prometheus ended');
}

/** The queries for which Prometheus has no data, or an error. */
async function emptyQueries(address: string): Promise<string[]> {
  const end = Date.now() / 1000;
  const empty: string[] = [];
  for (const query of queries) {
    const parameters = new URLSearchParams({ query, start: `${end - 60}`, end: `${end}`, step: '1' });
    const answer = await fetch(`${address}/api/v1/query_range?${parameters}`);
    const { error, data } = (await answer.json()) as { error?: string; data?: { result: unknown[] } };
    if (error !== undefined || data!.result.length === 0) empty.push(`${query}: ${error ?? 'no data'}`);
  }
  return empty;
}

/** Counters of a Mac, for the stand-in of Apple's frameworks. */
const counters =
  'Energy Model||ANE0_0|mJ|1500,AMC Stats|Perf Counters|DCS RD|B|1000,AMC Stats|Perf Counters|ANE DCS RD|B|100';
const { path: runtime, needs } = emulators[0]!;

/** Starts a training, with the stand-in for a Mac's engine, whose workers retire. */
async function startRun(): Promise<{ child: ChildProcess; address: string; ended: Promise<Ended> }> {
  const text = join(folder, 'text.txt');
  writeFileSync(text, 'once upon a time there was a little mayfly that lived for a day. '.repeat(200));
  const model = ['--model', 'tiny', '--tokenizer', 'bytes', '--batch', '2', '--seq', '16', '--device', 'ane'];
  // Given, so that the machine is not asked, which a slow one tells of.
  const variant = ['--variant', 'fused,silu=exp,rope=slice,split=1'];
  const staged = join(folder, 'staged');
  mkdirSync(staged);
  const env = {
    ...{ MAYFLY_ANE_RUNTIME: runtime, MAYFLY_EMULATOR_TEMPORARY: staged, MAYFLY_EMULATOR_IOREPORT: counters },
    XDG_CACHE_HOME: join(folder, 'cache'),
  };
  const data = ['--data', text, '--validation', '0.2', '--evaluate-every', '4', '--steps', '1000000'];
  const output = ['--metrics', '0', '--out', join(folder, 'run'), '--json'];
  return new Promise((resolve, reject) => {
    const onLine = (line: string, child: ChildProcess) => {
      const { event, address } = JSON.parse(line) as JsonEvent;
      if (event !== 'metrics') return;
      started.push(child);
      resolve({ child, address: address as string, ended });
    };
    const ended = mayfly(
      ['train', ...model, ...variant, ...data, ...output, '--retire-evaluations', '40', '--standby', '1'],
      {
        ...{ onLine, env },
      },
    );
    ended.then(({ stderr }) => reject(new Error(stderr)), reject);
  });
}

/** More than Prometheus needs to have two samples of everything. */
const SCRAPES = 100;

test.skipIf(!hasPrometheus || !existsSync(runtime))(
  `every query of the dashboard has data when Prometheus scrapes a run (with Debian's prometheus; needs ${needs})`,
  async () => {
    let metrics: string | null = null;
    // Stands between Prometheus and the run, so that the test goes on with each scrape.
    const between = createServer(async (_, response) => {
      response.on('close', () => between.emit('scraped'));
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(metrics === null ? '' : await (await fetch(metrics)).text());
    });
    await once(between.listen(0, '127.0.0.1'), 'listening');
    const prometheus = await startPrometheus(`127.0.0.1:${(between.address() as AddressInfo).port}`);
    // It takes 5 s to find its target.
    await once(between, 'scraped');
    const run = await startRun();
    metrics = run.address;
    let empty: string[] = [];
    for (let scrape = 0; scrape < SCRAPES; scrape++) {
      await once(between, 'scraped');
      empty = await emptyQueries(prometheus.address);
      if (empty.length === 0) break;
    }
    expect(empty).toEqual([]);
    await end(prometheus.child, 'SIGTERM');
    await end(run.child, 'SIGINT');
    between.close();
    expect((await run.ended).stderr).toBe('');
  },
  120_000,
);
