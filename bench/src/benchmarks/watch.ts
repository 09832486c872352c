import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunLock } from '@mayfly/core/testing';
import { WatchServer } from '@mayfly/core/watch';
import { type CDPSession, chromium, type Page } from 'playwright-core';
import { type Benchmark, target } from '../harness/report.js';
import { median } from '../harness/statistics.js';

const executablePath = '/usr/bin/chromium';
const flags = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];

/** Key presses that move the zoomed charts, and how long each is followed by a pause, in milliseconds. */
const MOVES = 60;
const PAUSE_MS = 30;

/** Counts points of lines, and keeps the longest task, before the page's own code runs. */
const probe = `
  window.drawn = { points: 0, longest: 0 };
  for (const { prototype } of [Path2D, CanvasRenderingContext2D]) {
    const { lineTo } = prototype;
    prototype.lineTo = function (...point) { window.drawn.points += 1; return lineTo.apply(this, point); };
  }
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.drawn.longest = Math.max(window.drawn.longest, duration);
  }).observe({ type: 'longtask', buffered: true });
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

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly args: { readonly name?: string };
  /** Microseconds of the processor. */
  readonly tdur?: number;
}

/** Traces the tasks of the page's main thread while something is done, and returns the processor time of the longest, in milliseconds. */
async function longestTask(page: Page, work: () => Promise<void>): Promise<number> {
  const session: CDPSession = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel'] },
  });
  await work();
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await complete;
  const threads = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const mains = new Set(threads.map(({ pid, tid }) => `${pid}.${tid}`));
  const tasks = events.filter(
    ({ ph, pid, tid, tdur }) => ph === 'X' && tdur !== undefined && mains.has(`${pid}.${tid}`),
  );
  if (tasks.length === 0) throw new Error('Expected tasks in the trace, got none');
  return tasks.reduce((longest, { tdur }) => Math.max(longest, tdur! / 1000), 0);
}

interface Look {
  readonly loadMs: number;
  /** By the clock, and of the processor: with other work on the machine the former is longer. */
  readonly longestMs: number;
  readonly longestCpuMs: number;
  readonly pointsPerColumn: number;
}

async function look(page: Page, url: string, goOn: () => Disposable): Promise<Look> {
  const began = performance.now();
  await page.goto(url);
  await page.locator('[data-panel="workers"] canvas').waitFor();
  const loadMs = performance.now() - began;
  const chart = page.locator('[data-chart="loss"] .plot');
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
  await page.evaluate('void (window.drawn.longest = 0)');
  using _run = goOn();
  const longestCpuMs = await longestTask(page, async () => {
    for (let i = 0; i < MOVES; i++) {
      await page.keyboard.press(i % 20 < 10 ? 'ArrowLeft' : 'ArrowRight');
      await page.waitForTimeout(PAUSE_MS);
    }
    await page.waitForTimeout(300);
  });
  return { loadMs, longestMs: await page.evaluate<number>('window.drawn.longest'), longestCpuMs, pointsPerColumn };
}

export const watch: Benchmark = {
  name: 'watch',
  measures:
    'The page of `mayfly watch` with a running run of 100,000 steps and 2,000 workers, in Chromium: loading it, and moving its charts by keys.',
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
          looks.push(await look(page, server.url, () => runOn(folder, steps)));
        } finally {
          await browser.close();
        }
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
    const plain = { isolation: 'none', placement: 'scheduler', unit: 'ms' } as const;
    const longest = median(looks.map(({ longestMs }) => longestMs));
    const longestCpu = median(looks.map(({ longestCpuMs }) => longestCpuMs));
    const figures = [
      { case: 'reading the log', ...plain, p50: median(reads) },
      { case: 'from the address to the last chart', ...plain, p50: median(looks.map(({ loadMs }) => loadMs)) },
      { case: 'longest task while moving, processor time', ...plain, p50: longestCpu },
      {
        case: 'longest task over 50 ms while moving, clock; 0: none',
        ...plain,
        p50: longest,
      },
    ];
    const points = Math.max(...looks.map(({ pointsPerColumn }) => pointsPerColumn));
    const targets = [
      target('processor time of the longest task while moving, ms', longestCpu, '<=', 50),
      target('points of a curve for each pixel column', points, '<=', 4),
    ];
    return { repetitions, figures, targets, skipped: [] };
  },
};
