import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, noChromium } from '../../fixtures/chromium.js';
import { LogWriter } from '../../fixtures/log-lines.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { ink, watchedPage } from '../../fixtures/watched-page.js';

if (noChromium !== null) console.log(`skipped: odd runs in a browser ${noChromium}`);

const root = temporaryFolder();
let browser: Browser;
beforeAll(async () => {
  if (noChromium === null) browser = await launchChromium();
});
afterAll(() => browser?.close());

/** The color of the first run. */
const isBlue = 'blue - red > 100';

test.skipIf(noChromium !== null)('a run without a step, and one with a single step', async () => {
  const folder = join(root, 'short');
  const short = new LogWriter(join(folder, 'short')).start();
  const { page, faults } = await watchedPage(browser, folder);
  const card = page.locator('[data-run="short"]');
  await card.waitFor();
  expect(await card.innerText()).toContain('0 of 100');
  expect(await ink(page, '[data-chart="loss"]', isBlue)).toBe(0);
  short.step(1);
  await expect.poll(() => card.innerText()).toMatch(/1 of 100.*4\.9900/s);
  // Its one point is drawn.
  await expect.poll(() => ink(page, '[data-chart="loss"]', isBlue)).toBeGreaterThan(10);
  expect(faults).toEqual([]);
});

test.skipIf(noChromium !== null)('losses that are no numbers are gaps with marks, and the last is told', async () => {
  const folder = join(root, 'holes');
  const log = new LogWriter(join(folder, 'holes')).start();
  for (let step = 1; step <= 20; step++) log.step(step, step % 5 === 0 || step > 15 ? null : 3);
  const { page, faults } = await watchedPage(browser, folder);
  const card = page.locator('[data-run="holes"]');
  await expect.poll(() => card.innerText()).toMatch(/loss\s+no number/);
  expect(await page.locator('.runs').innerText()).toContain('loss no number');
  expect(await page.locator('[data-chart="loss"] figcaption').innerText()).toContain('marks at the bottom: no number');
  expect(faults).toEqual([]);
});

test.skipIf(noChromium !== null)(
  'many runs with long names, all laid over each other, at the width of a phone',
  async () => {
    const folder = join(root, 'many');
    const name = (run: number) => `a-rather-long-name-${'of-a-run-'.repeat(6)}${run}`;
    for (let run = 10; run < 22; run++) {
      const log = new LogWriter(join(folder, name(run))).start();
      for (let step = 1; step <= run; step++) log.step(step, 5 - (step * run) / 500);
    }
    const { page, faults } = await watchedPage(browser, folder, { viewport: { width: 390, height: 800 } });
    await page.locator('[data-run]').first().waitFor();
    for (const box of await page.locator('.runs input').all()) await box.check();
    await expect.poll(() => page.locator('[data-run]').count()).toBe(12);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(faults).toEqual([]);
  },
);

test.skipIf(noChromium !== null)('the folder of a shown run goes, and comes back', async () => {
  const folder = join(root, 'going');
  const going = new LogWriter(join(folder, 'going')).start().step(1);
  new LogWriter(join(folder, 'staying')).start().step(1);
  const { page } = await watchedPage(browser, folder);
  await page.getByRole('button', { name: /^going/ }).click();
  const card = page.locator('[data-run="going"]');
  await card.waitFor();
  renameSync(going.folder, join(root, 'aside'));
  await expect.poll(() => card.innerText()).toMatch(/going gone.*1 of 100/s);
  renameSync(join(root, 'aside'), going.folder);
  await expect.poll(() => card.innerText()).toMatch(/going killed/);
  rmSync(folder, { recursive: true });
  await expect.poll(() => card.innerText()).toMatch(/going gone/);
  await expect.poll(() => page.locator('.runs li').count()).toBe(1);
});
