import { join } from 'node:path';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, noChromium } from '../../fixtures/chromium.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { LogWriter } from '../../fixtures/log-lines.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { ink, watchedPage, writeRuns } from '../../fixtures/watched-page.js';

if (noChromium !== null) console.log(`skipped: the page in a browser ${noChromium}`);

const root = temporaryFolder();
let browser: Browser;
beforeAll(async () => {
  if (noChromium === null) browser = await launchChromium();
});
afterAll(() => browser?.close());

async function shown(name: string, options: BrowserContextOptions = {}) {
  const folder = join(root, name);
  const book = writeRuns(folder);
  const { page, faults } = await watchedPage(browser, folder, options);
  await page.getByRole('button', { name: /^book/ }).click();
  await page.locator('[data-run="book"]').waitFor();
  return { page, faults, book };
}

test.skipIf(noChromium !== null)('the page shows what the log says, and what it gains', async () => {
  const { page, faults, book } = await shown('book');
  const card = page.locator('[data-run="book"]');
  expect(await card.innerText()).toMatch(/book killed.*60 of 100.*4\.4000.*1\.2500.*10 ms.*skipped\s+1/s);
  expect(await page.locator('[data-panel="samples"]').innerText()).toContain('Once upon a <b>time</b>');
  expect(await page.locator('[data-panel="events"]').innerText()).toMatch(
    /end\s+the process of the run ended without a word.*death\s+worker 2 \(pid 102\) was ended by SIGKILL/s,
  );
  const workers = page.locator('[data-panel="workers"]');
  expect(await workers.innerText()).toContain('3 processes, 1 retired, 1 died');
  await workers.locator('summary').click();
  expect(await workers.locator('tbody tr').allInnerTexts()).toEqual([
    expect.stringMatching(/^3\s+103\s.*ended without a word, with the run$/s),
    expect.stringMatching(/^2\s+102\s.*died: SIGKILL$/s),
    expect.stringMatching(/^1\s+101\s.*20\/20\s+300\s+retired: compilations$/s),
  ]);
  for (const chart of ['loss', 'grad_norm', 'tokens_per_second', 'lr', 'loss_scale']) {
    expect([chart, (await ink(page, `[data-chart="${chart}"]`)) > 1000]).toEqual([chart, true]);
  }
  expect(await ink(page, '[data-panel="workers"]')).toBeGreaterThan(1000);
  book.start(31).step(31, 2.5);
  await expect.poll(() => card.innerText()).toMatch(/31 of 100.*2\.5000.*resumed\s+1 ×/s);
  // Charts of energy are those of what the run's machine counts.
  expect(await page.locator('[data-chart="energy"], [data-chart="traffic"]').count()).toBe(0);
  const dies = [
    { name: 'ANE0_0', joules: 3 },
    { name: 'ANE0_1', joules: 2 },
  ];
  for (const joules of [1.25, 1.5])
    book.write('energy', {
      ...{ joules_per_step: joules, steps: 4, dies },
      ...{ memory_bytes_per_second: 31e9, ane_bytes_per_second: null },
    });
  await page.locator('[data-chart="traffic"]').waitFor();
  expect(await page.locator('[data-chart="energy"] .u-legend').innerText()).toMatch(/J per step.*ANE0_0.*ANE0_1/s);
  expect(await page.locator('[data-chart="traffic"] .u-legend').innerText()).not.toContain('Neural Engine');
  for (const chart of ['energy', 'traffic']) {
    await expect.poll(() => ink(page, `[data-chart="${chart}"]`)).toBeGreaterThan(1000);
  }
  expect(faults).toEqual([]);
});

test.skipIf(noChromium !== null)(
  'two runs are laid over each other, with the options in which they differ',
  async () => {
    const { page, faults } = await shown('overlay');
    await page.getByRole('checkbox', { name: 'Lay other over' }).check();
    await page.locator('[data-run="other"]').waitFor();
    expect(await page.locator('[data-panel="facts"] table').innerText()).toMatch(
      /option\s+book\s+other\s+lr\s+0.001\s+0.003/,
    );
    const legend = await page.locator('[data-chart="loss"] .u-legend').innerText();
    expect(legend).toMatch(/book smoothed.*book each step.*other smoothed/s);
    await page.reload();
    await page.locator('[data-run="other"]').waitFor();
    expect(await page.locator('[data-run]').count()).toBe(2);
    expect(faults).toEqual([]);
  },
);

test.skipIf(noChromium !== null)('charts are moved and zoomed by keys and by dragging, all together', async () => {
  const { page } = await shown('keys');
  const showAll = page.getByRole('button', { name: 'show all' });
  expect(await showAll.isDisabled()).toBe(true);
  await page.locator('[data-chart="loss"] .drawing').focus();
  await page.keyboard.press('+');
  await expect.poll(() => showAll.isDisabled()).toBe(false);
  await page.keyboard.press('0');
  await expect.poll(() => showAll.isDisabled()).toBe(true);
  const box = (await page.locator('[data-chart="loss"] .u-over').boundingBox())!;
  await page.mouse.move(box.x + 100, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + 300, box.y + 50, { steps: 5 });
  await page.mouse.up();
  await expect.poll(() => showAll.isDisabled()).toBe(false);
});

test.skipIf(noChromium !== null || !fullProduct)('records that follow each other closely all arrive', async () => {
  const { page, book } = await shown('closely');
  const samples = page.locator('[data-panel="samples"]');
  for (let step = 61; step <= 63; step++) {
    book.step(step).write('sample', { step, prompt: 'Once', text: ` number ${step}` });
    await expect.poll(() => samples.innerText()).toContain(`number ${step}`);
  }
});

for (const colorScheme of fullProduct ? (['light', 'dark'] as const) : (['dark'] as const)) {
  test.skipIf(noChromium !== null)(`at the width of a phone nothing scrolls sideways, ${colorScheme}`, async () => {
    const { page, faults } = await shown(`phone-${colorScheme}`, {
      viewport: { width: 390, height: 800 },
      colorScheme,
    });
    const widths = await page.evaluate('[document.documentElement.scrollWidth, innerWidth]');
    expect(widths).toEqual([390, 390]);
    const { backgroundColor, color } = await page.evaluate<Record<string, string>>(
      '({ ...getComputedStyle(document.body) })',
    );
    const [background, text] = [backgroundColor, color].map((each) => Number(/\d+/.exec(each!)![0]));
    expect(background! < text!).toBe(colorScheme === 'dark');
    expect(faults).toEqual([]);
  });
}

test.skipIf(noChromium !== null)('a folder without runs says so, and a run that begins appears', async () => {
  const folder = join(root, 'none');
  new LogWriter(join(folder, 'x', 'y', 'too-deep'));
  const { page, server } = await watchedPage(browser, folder);
  await page.getByText('There is no run here yet').waitFor();
  new LogWriter(join(folder, 'first')).start().step(1);
  await page.locator('[data-run="first"]').waitFor();
  await server.close();
  await page.getByText('mayfly watch has ended').waitFor();
});
