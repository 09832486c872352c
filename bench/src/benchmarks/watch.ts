import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunLock } from '@mayfly/core/testing';
import { WatchServer } from '@mayfly/core/watch';
import { chromium, type Page } from 'playwright-core';
import { type Benchmark, target } from '../harness/report.js';
import { median } from '../harness/statistics.js';

const executablePath = '/usr/bin/chromium';
const flags = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];

/** Key presses that move the zoomed charts, and how long each is followed by a pause, in milliseconds. */
const MOVES = 60;
const PAUSE_MS = 30;

/** Counts points of lines, before the page's own code runs. */
const probe = `
  window.drawn = { points: 0 };
  for (const { prototype } of [Path2D, CanvasRenderingContext2D]) {
    const { lineTo } = prototype;
    prototype.lineTo = function (...point) { window.drawn.points += 1; return lineTo.apply(this, point); };
  }
`;

/** Milliseconds of a step, and steps between two retirements. */
const STEP_MS = 40;
const RETIRE_STEPS = 50;

/** The log of a run with so many steps up to now. */
function writeLog(folder: string, steps: number): void {
  let time = Date.now() - STEP_MS * steps;
  let worker = 0;
  const lines: string[] = [];
  const write = (event: string, fields: object, after = 0) => {
    time += after;
    lines.push(JSON.stringify({ event, ...fields, time: new Date(time).toISOString() }));
  };
  write('start', { model: 'long', steps: 2 * steps, first_step: 1, workers: [], options: {} });
  for (let step = 1; step <= steps; step++) {
    if (step % RETIRE_STEPS === 1) {
      worker += 1;
      write('workerStart', { worker, pid: worker });
      write('workerReady', { worker, pid: worker });
      if (worker > 2) {
        const gone = { worker: worker - 2, pid: worker - 2 };
        write('workerRetire', { ...gone, reason: 'compilations', compilations: 100, evaluations: 1000 });
        write('kernelMove', { kernel: 'layer-0', from: worker - 2, to: worker - 1, reason: 'update' });
        write('workerExit', { ...gone, exit_code: 0, signal: null, reason: null, expected: true });
      }
    }
    write('step', stepFields(step, steps), STEP_MS);
  }
  writeFileSync(join(folder, 'log.jsonl'), `${lines.join('\n')}\n`);
}

function stepFields(step: number, steps: number): object {
  const noise = Math.sin(step * 12.9898) * 0.3;
  const rates = { grad_norm: 1 + noise, lr: 1e-3, ms: STEP_MS, tokens_per_second: 3000 + 100 * noise };
  return { step, loss: 5 * Math.exp(-step / steps) + noise, ...rates, loss_scale: 1024, skipped: false };
}

/** A run that goes on: it has its lock, and its log gains steps until this is disposed of. */
function runOn(folder: string, steps: number): Disposable {
  const lock = RunLock.take(folder);
  let step = steps;
  const timer = setInterval(() => {
    step += 1;
    const record = { event: 'step', ...stepFields(step, steps), time: new Date().toISOString() };
    appendFileSync(join(folder, 'log.jsonl'), `${JSON.stringify(record)}\n`);
  }, STEP_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      lock.release();
    },
  };
}

/**
 * A page that does the same work again and again: what it takes longer by the clock than of the processor, the machine took from it. It is
 * about as long as the longest task of the page that is measured, so that it is interrupted about as often.
 */
const idleWork = `{
  let sum = 0;
  setInterval(() => { for (let i = 0; i < 2e6; i++) sum += Math.sqrt(i); }, 100);
}`;

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds by the clock, and of the processor. */
  readonly dur?: number;
  readonly tdur?: number;
}

/** Milliseconds of the longest task, by the clock and of the processor, and the most that the former exceeded the latter. */
interface Longest {
  readonly clockMs: number;
  readonly cpuMs: number;
  readonly takenMs: number;
}

/** Traces the tasks of some pages' main threads while something is done, each page in a process of its own. */
async function longestTasks(pages: readonly Page[], work: () => Promise<void>): Promise<readonly Longest[]> {
  const session = await pages[0]!.context().browser()!.newBrowserCDPSession();
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'blink.user_timing'] },
  });
  for (const [index, page] of pages.entries()) await page.evaluate(`void performance.mark('${markOf(index)}')`);
  await work();
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await complete;
  return pages.map((_, index) => {
    const own = events.find(({ name }) => name === markOf(index));
    const tasks = events.filter(
      ({ ph, pid, tid, tdur }) => ph === 'X' && tdur !== undefined && pid === own?.pid && tid === own.tid,
    );
    if (tasks.length === 0) throw new Error('Expected tasks in the trace, got none');
    const longest = (of: (task: TraceEvent) => number) =>
      tasks.reduce((most, task) => Math.max(most, of(task) / 1000), 0);
    return {
      clockMs: longest(({ dur }) => dur!),
      cpuMs: longest(({ tdur }) => tdur!),
      takenMs: longest(({ dur, tdur }) => dur! - tdur!),
    };
  });
}

/** By which a page is found in the trace. */
const markOf = (index: number): string => `traced page ${index}`;

interface Look {
  readonly loadMs: number;
  readonly pointsPerColumn: number;
  readonly moving: Longest;
  /** Of a page beside it, meanwhile. */
  readonly idle: Longest;
}

async function look(page: Page, idle: Page, url: string, goOn: () => Disposable): Promise<Look> {
  const began = performance.now();
  await page.goto(url);
  await page.locator('[data-panel="workers"] canvas').waitFor();
  const loadMs = performance.now() - began;
  const chart = page.locator('[data-chart="loss"] .drawing');
  await chart.focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press('+');
  // Counts the points of one redraw of all charts, and the pixel columns of all curves.
  await page.waitForTimeout(500);
  await page.evaluate('void (window.drawn.points = 0)');
  await page.keyboard.press('ArrowLeft');
  await page.waitForTimeout(500);
  const pointsPerColumn = await page.evaluate<number>(`{
    let columns = 0;
    for (const chart of document.querySelectorAll('[data-chart] .plot')) {
      columns += chart.querySelector('.u-over').clientWidth * (chart.querySelectorAll('.u-series').length - 1);
    }
    window.drawn.points / columns;
  }`);
  using _run = goOn();
  await idle.evaluate(idleWork);
  const [moving, beside] = await longestTasks([page, idle], async () => {
    for (let i = 0; i < MOVES; i++) {
      await page.keyboard.press(i % 20 < 10 ? 'ArrowLeft' : 'ArrowRight');
      await page.waitForTimeout(PAUSE_MS);
    }
    await page.waitForTimeout(300);
  });
  return { loadMs, pointsPerColumn, moving: moving!, idle: beside! };
}

export const watch: Benchmark = {
  name: 'watch',
  measures:
    'The page of `mayfly watch` with a running run of 100,000 steps and 2,000 workers, in Chromium: loading it, and moving its charts by keys. A second page that does a little tells what the machine takes from both.',
  async measure({ quick, repetitions }) {
    if (!existsSync(executablePath)) {
      const reason = `needs ${executablePath}`;
      return { repetitions: 0, figures: [], targets: [], skipped: [{ case: 'all', reason }] };
    }
    const steps = quick ? 2000 : 100_000;
    const root = mkdtempSync(join(tmpdir(), 'mayfly-watch-'));
    const folder = join(root, 'long');
    mkdirSync(folder);
    const looks: Look[] = [];
    const reads: number[] = [];
    try {
      for (let i = 0; i < repetitions; i++) {
        writeLog(folder, steps);
        const began = performance.now();
        await using server = await WatchServer.open({ folders: [root] });
        reads.push(performance.now() - began);
        const browser = await chromium.launch({ executablePath, args: flags });
        try {
          const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
          await page.addInitScript(probe);
          const idle = await (await browser.newContext()).newPage();
          looks.push(await look(page, idle, server.url, () => runOn(folder, steps)));
        } finally {
          await browser.close();
        }
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
    const plain = { isolation: 'none', placement: 'scheduler', unit: 'ms' } as const;
    const middle = (of: (look: Look) => number) => median(looks.map(of));
    const longest = {
      cpu: middle(({ moving }) => moving.cpuMs),
      clock: middle(({ moving }) => moving.clockMs),
      // With other work on the machine a task is longer by the clock. An idle page beside it tells by how much.
      own: middle(({ moving, idle }) => Math.max(moving.cpuMs, moving.clockMs - idle.takenMs)),
    };
    const figures = [
      { case: 'reading the log', ...plain, p50: median(reads) },
      { case: 'from the address to the last chart', ...plain, p50: middle(({ loadMs }) => loadMs) },
      { case: 'longest task while moving, processor time', ...plain, p50: longest.cpu },
      { case: 'longest task while moving, clock', ...plain, p50: longest.clock },
      {
        case: 'longest task of an idle page beside it, processor time',
        ...plain,
        p50: middle(({ idle }) => idle.cpuMs),
      },
      {
        case: 'the most that the machine took from a task of the idle page',
        ...plain,
        p50: middle(({ idle }) => idle.takenMs),
      },
    ];
    const points = Math.max(...looks.map(({ pointsPerColumn }) => pointsPerColumn));
    const targets = [
      target('longest task while moving, processor time, ms', longest.cpu, '<=', 50),
      target(
        'longest task while moving, clock less what the machine took from the idle page, ms',
        longest.own,
        '<=',
        50,
      ),
      target('points of a curve for each pixel column', points, '<=', 4),
    ];
    return { repetitions, figures, targets, skipped: [] };
  },
};
