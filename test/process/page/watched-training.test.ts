import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readRunLog } from '@mayfly/core/testing';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { launchChromium, noChromium, openPage } from '../../fixtures/chromium.js';
import { type JsonEvent, launcher } from '../../fixtures/command.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

/** A folder for pictures of each stage, in both color schemes and at two widths. */
const pictures = process.env.MAYFLY_PICTURES;

const skipped = noChromium ?? (fullProduct || pictures !== undefined ? null : 'needs MAYFLY_FULL_PRODUCT=1');
if (skipped !== null) console.log(`skipped: a training watched from start to end ${skipped}`);

const root = temporaryFolder();
const text = join(root, 'book.txt');
const out = join(root, 'runs', 'book');
/** Steps of the first process, which is killed long before, and of the second after those of the first. */
const STEPS = 2000;
const MORE_STEPS = 200;

/** A command whose lines of JSON are awaited by their event. */
class Command {
  readonly child: ChildProcess;
  readonly #events: JsonEvent[] = [];
  #heard = () => {};

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void this.child.kill('SIGKILL'));
    const lines = createInterface({ input: this.child.stdout! });
    lines.on('line', (line) => {
      this.#events.push(JSON.parse(line) as JsonEvent);
      this.#heard();
    });
    lines.on('close', () => this.#heard());
  }

  /** The first event of this kind; `since` is the number of events that came before those that count. */
  async event(isIt: (event: JsonEvent) => boolean, since = 0): Promise<JsonEvent> {
    for (;;) {
      const found = this.#events.slice(since).find(isIt);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error('Expected more, got the end');
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** A new event of this kind. */
  next(isIt: (event: JsonEvent) => boolean): Promise<JsonEvent> {
    return this.event(isIt, this.#events.length);
  }

  step(number: number): Promise<JsonEvent> {
    return this.event(({ event, step }) => event === 'step' && step === number);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const closed = once(this.child, 'close');
    this.child.kill(signal);
    await closed;
  }
}

const train = (...more: readonly string[]) => new Command(['train', ...more, '--json']);

const forms = [
  ['light', 'light', 1280, 900],
  ['dark', 'dark', 1280, 900],
  ['phone-light', 'light', 390, 844],
  ['phone-dark', 'dark', 390, 844],
] as const;

async function picture(page: Page, stage: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  for (const [form, colorScheme, width, height] of forms) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(300);
    await page.screenshot({ path: join(pictures, `${stage}-${form}.png`) });
    const workers = page.locator('[data-panel="workers"]');
    await workers.screenshot({ path: join(pictures, `${stage}-${form}-workers.png`) });
    await page.screenshot({ path: join(pictures, `${stage}-${form}-whole.png`), fullPage: true });
    await page.evaluate('scrollTo(0, 0)');
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Kills a worker that has begun to serve. One that retires at that moment does not count. */
async function killedWorker(run: Command): Promise<JsonEvent> {
  for (;;) {
    const { worker, pid } = await run.next(({ event }) => event === 'workerServe');
    const exit = run.next((record) => record.event === 'workerExit' && record.worker === worker);
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended.
    }
    const ended = await exit;
    if (ended.expected === false) return { ...ended, pid };
  }
}

/** The rows of the table of workers: session by session, the youngest first. */
const rowsOf = (page: Page) => page.locator('[data-panel="workers"] tbody tr').allInnerTexts();

test.skipIf(skipped !== null)('a training is watched from its start over two deaths to its end', async () => {
  writeFileSync(text, Array.from({ length: 300 }, (_, i) => `There are ${i} apples on the table.\n`).join(''));
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const pool = ['--device', 'sim:m4', '--workers', '2', '--standby', '1', '--retire-after', '40'];
  const size = ['--model', 'tiny', '--batch', '8', '--seq', '128', '--steps', String(STEPS)];
  const shown = ['--validation', '0.1', '--evaluate-every', '10', '--sample', 'There are'];
  const folder = ['--checkpoint-every', '20', '--out', out];
  const first = train('--data', text, '--weights', 'static', ...size, ...pool, ...shown, ...folder, '--watch');

  // The page from the first step on.
  const { url } = await first.event(({ event }) => event === 'watch');
  const opened = await openPage(browser, String(url));
  let page = opened.page;
  const card = () => page.locator('[data-run="book"]');
  await first.step(12);
  await expect.poll(() => card().innerText()).toMatch(/book running.*\d\d of 2,000.*left/s);
  const workers = () => page.locator('[data-panel="workers"]');
  await workers().locator('summary').click();
  await expect.poll(async () => (await rowsOf(page)).join('\n')).toMatch(/40\/40.*retired: compilations/);
  await workers().locator('summary').click();
  await picture(page, '1-running');

  // A worker dies; the run goes on.
  const victim = await killedWorker(first);
  await expect.poll(() => workers().innerText()).toContain('1 died');
  await workers().locator('summary').click();
  const died = new RegExp(`^${victim.worker}\\s+${victim.pid}\\s.*died: SIGKILL`, 'm');
  await expect.poll(async () => (await rowsOf(page)).join('\n')).toMatch(died);
  await workers().locator('summary').click();
  await first.event(({ event, step }) => event === 'checkpoint' && Number(step) >= 40);
  await picture(page, '2-death');

  // The run itself dies.
  await first.kill('SIGKILL');
  await page.getByText('mayfly watch has ended').waitFor();
  expect(await card().innerText()).toMatch(/book unknown/);
  await picture(page, '3-lost');
  expect(opened.faults.filter((fault) => !fault.includes('ERR_'))).toEqual([]);

  // Another page finds it so.
  const watch = new Command(['watch', join(root, 'runs'), '--json']);
  const again = await openPage(browser, String((await watch.event(({ event }) => event === 'watch')).url));
  page = again.page;
  await expect.poll(() => card().innerText()).toMatch(/book killed/);
  await workers().locator('summary').click();
  const rowsWith = async (words: string) => (await rowsOf(page)).filter((row) => row.includes(words));
  await expect
    .poll(async () => (await rowsWith('ended without a word, with the run')).length)
    .toBeGreaterThanOrEqual(2);
  expect(await rowsWith('lives')).toEqual([]);
  await workers().locator('summary').click();
  await picture(page, '4-killed');

  // It goes on in the same page and the same charts.
  const { step: saved } = readRunLog(out).findLast(({ event }) => event === 'checkpoint')!;
  const last = Number(saved) + MORE_STEPS;
  const second = train('--resume', out, '--steps', String(last), ...pool);
  const { first_step } = await second.event(({ event }) => event === 'start');
  expect(first_step).toBe(Number(saved) + 1);
  await second.step(Number(saved) + 40);
  await expect.poll(() => card().innerText()).toMatch(/book running.*resumed\s+1 ×/s);
  await picture(page, '5-resumed');
  const ended = once(second.child, 'close');
  await second.event(({ event }) => event === 'done');
  expect(await ended).toEqual([0, null]);
  await expect.poll(() => card().innerText()).toMatch(new RegExp(`book finished.*${last} of ${last}`, 's'));
  await picture(page, '6-finished');

  // All steps are in one curve, and the workers of both processes in one timeline.
  const [steps, pids] = await page.evaluate<[number[], number]>(`(async () => {
    const [{ id }] = await (await fetch('api/runs')).json();
    const bytes = await (await fetch('api/runs/' + id + '/steps')).arrayBuffer();
    const { workers } = await (await fetch('api/runs/' + id)).json();
    const rows = bytes.byteLength / 8 / 9;
    return [[...new Float64Array(bytes, 0, rows)], new Set(workers.map(({ session }) => session)).size];
  })()`);
  expect(steps).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  expect(pids).toBe(2);
  expect(again.faults).toEqual([]);
  await watch.kill('SIGTERM');
});
