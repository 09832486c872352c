import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WatchServer } from '@mayfly/core/watch';
import { chromium, type Page } from 'playwright-core';
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

/** Writes the log of a run of so many steps of 40 ms, with a retirement every 50 steps, and returns the folder above it. */
function writeLog(steps: number): string {
  const root = mkdtempSync(join(tmpdir(), 'mayfly-watch-'));
  mkdirSync(join(root, 'long'));
  let time = Date.UTC(2026, 0, 1);
  let worker = 0;
  const lines: string[] = [];
  const write = (event: string, fields: object, after = 0) => {
    time += after;
    lines.push(JSON.stringify({ event, ...fields, time: new Date(time).toISOString() }));
  };
  write('start', { model: 'long', steps, first_step: 1, workers: [], options: {} });
  for (let step = 1; step <= steps; step++) {
    if (step % 50 === 1) {
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
    const noise = Math.sin(step * 12.9898) * 0.3;
    const rates = { grad_norm: 1 + noise, lr: 1e-3, ms: 40, tokens_per_second: 3000 + 100 * noise };
    write('step', { step, loss: 5 * Math.exp(-step / steps) + noise, ...rates, loss_scale: 1024, skipped: false }, 40);
  }
  writeFileSync(join(root, 'long', 'log.jsonl'), `${lines.join('\n')}\n`);
  return root;
}

interface Look {
  readonly loadMs: number;
  readonly longestMs: number;
  readonly pointsPerColumn: number;
}

async function look(page: Page, url: string): Promise<Look> {
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
  for (let i = 0; i < MOVES; i++) {
    await page.keyboard.press(i % 20 < 10 ? 'ArrowLeft' : 'ArrowRight');
    await page.waitForTimeout(PAUSE_MS);
  }
  await page.waitForTimeout(300);
  return { loadMs, longestMs: await page.evaluate<number>('window.drawn.longest'), pointsPerColumn };
}

export const watch: Benchmark = {
  name: 'watch',
  measures:
    'The page of `mayfly watch` with a run of 100,000 steps and 2,000 workers, in Chromium: loading it, and moving its charts by keys.',
  async measure({ quick, repetitions }) {
    if (!existsSync(executablePath)) {
      const reason = `needs ${executablePath}`;
      return { repetitions: 0, figures: [], targets: [], skipped: [{ case: 'all', reason }] };
    }
    const root = writeLog(quick ? 2000 : 100_000);
    const looks: Look[] = [];
    const reads: number[] = [];
    try {
      for (let i = 0; i < repetitions; i++) {
        const began = performance.now();
        await using server = await WatchServer.open({ folders: [root] });
        reads.push(performance.now() - began);
        const browser = await chromium.launch({ executablePath, args: flags });
        try {
          const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
          await page.addInitScript(probe);
          looks.push(await look(page, server.url));
        } finally {
          await browser.close();
        }
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
    const plain = { isolation: 'none', placement: 'scheduler', unit: 'ms' } as const;
    const longest = median(looks.map(({ longestMs }) => longestMs));
    const figures = [
      { case: 'reading the log', ...plain, p50: median(reads) },
      { case: 'from the address to the last chart', ...plain, p50: median(looks.map(({ loadMs }) => loadMs)) },
      { case: 'longest task over 50 ms while moving; 0: none', ...plain, p50: longest },
    ];
    const points = Math.max(...looks.map(({ pointsPerColumn }) => pointsPerColumn));
    const targets = [
      target('longest task while moving, ms', longest, '<=', 50),
      target('points of a curve for each pixel column', points, '<=', 4),
    ];
    return { repetitions, figures, targets, skipped: [] };
  },
};
