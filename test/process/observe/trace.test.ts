import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createPool, createTrainer, type Trainer } from '@mayfly/core';
import { type DispatchMessage, openTrace, type WorkerMessage } from '@mayfly/core/observe';
import { beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, noChromium } from '../../fixtures/chromium.js';
import { runScript } from '../../fixtures/command.js';
import { scaleProgram } from '../../fixtures/programs.js';
import { hasProtoc, protocDecode } from '../../fixtures/protoc.js';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

interface Event {
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly name: string;
  readonly cat: string;
  readonly id?: number;
  readonly args?: Record<string, unknown>;
}

const folder = temporaryFolder();
const path = { json: join(folder, 'run.trace.json'), pftrace: join(folder, 'run.pftrace') };
const options = {
  ...{ model: 'tiny', data: smallStream(folder), ...smallRun },
  pool: { standby: 1, budget: { evaluations: 10 } },
} as const;
let events: Event[] = [];
let killed = 0;
const exits: WorkerMessage[] = [];

/** Waits for a standby, and for the end of retirements: a worker past its budget serves on until a successor is there. */
async function successorReady({ pool }: Trainer): Promise<void> {
  const count = (wanted: string) => pool.stats().workers.filter(({ state }) => state === wanted).length;
  while (count('standby') === 0 || count('retiring') > 0) {
    await new Promise<void>((resolve) => {
      const end = () => {
        pool.off('workerReady', end);
        pool.off('workerExit', end);
        resolve();
      };
      pool.on('workerReady', end);
      pool.on('workerExit', end);
    });
  }
}

/** A training with a retirement in every step, in which a worker is killed while it evaluates. */
beforeAll(async () => {
  const { start } = tracingChannel('mayfly:dispatch');
  const onSent = (message: unknown) => {
    const { id, pid } = message as DispatchMessage;
    if (killed !== 0 || id !== 5) return;
    killed = pid;
    process.kill(pid, 'SIGKILL');
  };
  const onWorker = (message: unknown) => exits.push(message as WorkerMessage);
  start.subscribe(onSent);
  subscribe('mayfly:worker', onWorker);
  {
    using _json = openTrace(path.json);
    using _protobuf = openTrace(path.pftrace);
    await using trainer = await createTrainer(options);
    for await (const _ of trainer.steps()) await successorReady(trainer);
    const summary = trainer.summary();
    expect(fingerprint({ summary })).toEqual(fingerprint(await runTraining({ ...options, pool: { standby: 0 } })));
  }
  start.unsubscribe(onSent);
  unsubscribe('mayfly:worker', onWorker);
  events = JSON.parse(readFileSync(path.json, 'utf8'));
});

const slices = (where: Partial<Event> = {}) =>
  events.filter(
    (event) => event.ph === 'X' && Object.entries(where).every(([key, value]) => event[key as keyof Event] === value),
  );

describe('a trace', () => {
  test('has slices that are closed and follow one another on every track', () => {
    const tracks = new Map<string, Event[]>();
    for (const slice of slices()) {
      const track = `${slice.pid}/${slice.tid}`;
      tracks.set(track, [...(tracks.get(track) ?? []), slice]);
    }
    expect(tracks.size).toBeGreaterThan(8);
    for (const track of tracks.values()) {
      const sorted = track.toSorted((a, b) => a.ts - b.ts);
      for (const [index, { ts, dur }] of sorted.entries()) {
        expect(dur).toBeGreaterThanOrEqual(0);
        expect(ts + dur).toBeLessThan(sorted[index + 1]?.ts ?? Number.POSITIVE_INFINITY);
      }
    }
  });

  test('has an arrow from where a dispatch was sent to its evaluation, for each', () => {
    const [from, to] = (['s', 'f'] as const).map(
      (ph) => new Map(events.filter((e) => e.ph === ph).map((e) => [e.id, e])),
    );
    expect(from!.size).toBeGreaterThan(100);
    expect([...to!.keys()].every((id) => from!.has(id))).toBe(true);
    for (const [id, { ts }] of to!) expect(ts).toBeGreaterThanOrEqual(from!.get(id)!.ts);
    for (const { pid, tid, ts } of to!.values()) {
      expect(slices({ pid, tid, cat: 'evaluation' }).some((each) => each.ts === ts)).toBe(true);
    }
  });

  test('closes the slices of a worker that was killed, and says so', () => {
    const states = slices({ pid: killed, cat: 'worker' });
    expect(states.map(({ name }) => name)).toEqual(['starting', 'standby', 'serving'].slice(0, states.length));
    expect(states.at(-1)!.args).toMatchObject({ ended: 'exit', signal: 'SIGKILL', expected: false });
  });

  test('closes the evaluation that a killed worker took along', async () => {
    process.env.MAYFLY_SIM_FAULTS = JSON.stringify({ evaluate: [{ fault: 'hang', at: 2 }] });
    const file = join(folder, 'lost.json');
    const { start } = tracingChannel('mayfly:dispatch');
    const kill = (message: unknown) => {
      const { id, pid, worker } = message as DispatchMessage;
      if (worker === 1 && id === 1) process.kill(pid, 'SIGKILL');
    };
    {
      using _ = openTrace(file);
      await using pool = await createPool({ device: 'sim:m4,no-rules', standby: 0 });
      delete process.env.MAYFLY_SIM_FAULTS;
      const kernel = await pool.compile({ name: 'triple', text: scaleProgram(8, 3) });
      const [x, y] = [pool.arena.tensor('fp32', [1, 8]), pool.arena.tensor('fp32', [1, 8])];
      start.subscribe(kill);
      for (let run = 0; run < 3; run++) await kernel.run(x, y);
      start.unsubscribe(kill);
    }
    const written: Event[] = JSON.parse(readFileSync(file, 'utf8'));
    const evaluations = written.filter(({ cat }) => cat === 'evaluation');
    expect(evaluations.map(({ args }) => [args?.id, args?.failed ?? false])).toEqual([
      [0, false],
      [1, true],
      [0, false],
      [1, false],
    ]);
    expect(evaluations[1]!.args?.error).toContain('was lost');
  });

  test('shows retirements, compilations, steps, host math and waits', () => {
    const retired = exits.filter(({ event }) => event === 'workerRetire').length;
    expect(retired).toBeGreaterThan(1);
    expect(slices({ name: 'retiring' }).length).toBeGreaterThan(0);
    expect(slices({ cat: 'compile' }).length).toBeGreaterThan(4 * 2);
    expect(slices({ name: 'step 6' }).length).toBeGreaterThanOrEqual(1);
    for (const name of ['adamw', 'outerProducts']) expect(slices({ cat: 'host math', name }).length).toBeGreaterThan(0);
    expect(slices({ name: 'wait for kernels', pid: process.pid }).length).toBeGreaterThan(0);
  });

  test.skipIf(!hasProtoc)('has the same slices in the protobuf form (with protoc of protobuf-compiler)', () => {
    const text = protocDecode('perfetto.proto', 'perfetto.protos.Trace', path.pftrace);
    const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
    expect(count(/TYPE_SLICE_BEGIN/g)).toBe(slices().length);
    expect(count(/TYPE_SLICE_END/g)).toBe(slices().length);
    expect(count(/[^_]flow_ids: /g)).toBe(events.filter(({ ph }) => ph === 's').length);
    expect(count(/terminating_flow_ids: /g)).toBe(events.filter(({ ph }) => ph === 'f').length);
    expect(count(/process_name: "worker \d+"/g)).toBe(exits.filter(({ event }) => event === 'workerStart').length);
    // A field that the schema does not have is printed as its number.
    expect(text).not.toMatch(/^\s*\d+: /m);
  });

  test.skipIf(noChromium !== null)("opens in speedscope, with all of its tracks (with Debian's chromium)", async () => {
    // As `npx speedscope FILE` opens it.
    const [script, page] = [
      join(folder, 'load.js'),
      createRequire(import.meta.url).resolve('speedscope/dist/release/index.html'),
    ];
    const base64 = readFileSync(path.json).toString('base64');
    writeFileSync(script, `speedscope.loadFileFromBase64('run.trace.json', '${base64}')`);
    await using browser = await launchChromium();
    const viewer = await browser.newPage();
    const said: string[] = [];
    viewer.on('console', (message) => said.push(message.text()));
    viewer.on('pageerror', ({ message }) => said.push(message));
    await viewer.goto(`${pathToFileURL(page)}#localProfilePath=${script}`);
    await viewer.getByText('main process').first().waitFor();
    const tracks = new Set(slices().map(({ pid, tid }) => `${pid}/${tid}`)).size;
    expect(await viewer.getByText('main process').first().innerText()).toContain(`(1/${tracks})`);
    expect(await viewer.title()).toContain('run.trace.json');
    // It says so where slices overlap, or stay open.
    expect(said.filter((text) => /Tried to end|still open|rror/.test(text))).toEqual([]);
  });

  test('has every slice of thousands that came at once', async () => {
    const file = join(folder, 'many.json');
    const count = 6000;
    {
      using _ = openTrace(file);
      await using pool = await createPool({ device: 'cpu', standby: 0, threads: 1 });
      const kernel = await pool.compile({ name: 'triple', text: scaleProgram(8, 3) });
      const [x, y] = [pool.arena.tensor('fp32', [1, 8]), pool.arena.tensor('fp32', [1, 8])];
      for (let run = 0; run < count; run += 16) {
        await Promise.all(Array.from({ length: Math.min(16, count - run) }, () => kernel.run(x, y)));
      }
    }
    const written: Event[] = JSON.parse(readFileSync(file, 'utf8'));
    for (const cat of ['dispatch', 'evaluation']) {
      const ids = written.filter((event) => event.cat === cat).map(({ args }) => args!.id);
      expect(ids).toEqual(Array.from({ length: count }, (_, id) => id));
    }
    for (const ph of ['s', 'f']) expect(written.filter((event) => event.ph === ph)).toHaveLength(count);
  });

  test.each(['json', 'pftrace'] as const)('%s can be read after its process was killed', async (form) => {
    const file = join(folder, `killed.${form}`);
    const script = fileURLToPath(new URL('../../fixtures/traced-until-killed.mjs', import.meta.url));
    const { signal, stderr } = await runScript(script, [file, scaleProgram(8, 3)]);
    expect(signal, stderr).toBe('SIGKILL');
    if (form === 'json') {
      const written: Event[] = JSON.parse(`${readFileSync(file, 'utf8')}]`);
      expect(written.filter(({ cat }) => cat === 'evaluation').length).toBeGreaterThan(100);
    } else if (hasProtoc) {
      expect(protocDecode('perfetto.proto', 'perfetto.protos.Trace', file)).toContain('name: "triple"');
    }
  });

  test('has one of two endings', () => {
    expect(() => openTrace(join(folder, 'trace.txt'))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('.pftrace') }),
    );
  });
});
