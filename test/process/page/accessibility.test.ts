import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, noChromium } from '../../fixtures/chromium.js';
import { LogWriter } from '../../fixtures/log-lines.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { ink, watchedPage, writeRuns } from '../../fixtures/watched-page.js';

if (noChromium !== null) console.log(`skipped: the page for keys and screen readers ${noChromium}`);

const root = temporaryFolder();
let browser: Browser;
beforeAll(async () => {
  if (noChromium === null) browser = await launchChromium();
});
afterAll(() => browser?.close());

const energy = {
  joules_per_step: 1.25,
  steps: 1,
  dies: [{ name: 'ANE', joules: 1.25 }],
  memory_bytes_per_second: 31e9,
};
const kernel = {
  ...{ name: 'attention', worker: 3, count: 9, p50_us: 100, p99_us: 200, max_us: 220 },
  buckets: [
    { below_us: 128, count: 8 },
    { below_us: 256, count: 1 },
  ],
};
const stats = {
  ...{ memory: { main_bytes: 3e8, arena_used_bytes: 1e8 }, kernels: [kernel] },
  workers: [{ id: 3, rss_bytes: 5e7, compilations: 4, evaluations: 9 }],
};

/** The page with every panel that there is, of both runs. */
async function shown(name: string, options: BrowserContextOptions = {}): Promise<Page> {
  const folder = join(root, name);
  const book = writeRuns(folder);
  for (let i = 0; i < 2; i++) book.write('stats', stats).write('energy', energy);
  const { page } = await watchedPage(browser, folder, options);
  await page.getByRole('button', { name: /^book/ }).click();
  await page.getByRole('checkbox', { name: 'Lay other over' }).check();
  await page.locator('[data-chart="traffic"]').waitFor();
  await page.locator('[data-run="other"]').waitFor();
  return page;
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, with the rules of WCAG 2.2 (A and AA) and its own. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate<string[]>(`(async () => {
    const rules = { 'target-size': { enabled: true } };
    const { violations } = await axe.run(document, { rules });
    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => id + ': ' + help + ': ' + html.slice(0, 200)));
  })()`);
}

test.skipIf(noChromium !== null)('axe finds nothing: light, dark, at the width of a phone', async () => {
  const page = await shown('axe');
  for (const summary of await page.locator('summary').all()) await summary.click();
  expect(await violations(page)).toEqual([]);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.locator('[data-scheme="dark"]').waitFor();
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 800 });
  expect(await violations(page)).toEqual([]);
});

test.skipIf(noChromium !== null)('axe finds nothing on a page without runs', async () => {
  const folder = join(root, 'none');
  new LogWriter(join(folder, 'x', 'y', 'too-deep'));
  const { page } = await watchedPage(browser, folder);
  await page.getByText('There is no run here yet').waitFor();
  expect(await violations(page)).toEqual([]);
});

/** The page as it is opened, with the focus nowhere. */
async function reloaded(page: Page): Promise<Page> {
  await page.reload();
  await page.locator('[data-chart="traffic"]').waitFor();
  await page.locator('[data-run="other"]').waitFor();
  return page;
}

/** The place of the focused element among all elements, and whether its focus is seen; null once the focus has left the page. */
const focused = (page: Page): Promise<{ readonly at: number; readonly isSeen: boolean } | null> =>
  page.evaluate(`(() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { width, height } = element.getBoundingClientRect();
    const isSeen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && width > 5 && height > 5;
    return { at: [...document.querySelectorAll('*')].indexOf(element), isSeen };
  })()`);

test.skipIf(noChromium !== null)(
  'Tab reaches every control, in their order and back, and each shows its focus',
  async () => {
    const page = await reloaded(await shown('walk'));
    const controls = await page.evaluate<number[]>(`(() => {
    const all = [...document.querySelectorAll('*')];
    const controls = document.querySelectorAll('button:not(:disabled), select, input, summary, [tabindex="0"]');
    return [...controls].map((control) => all.indexOf(control));
  })()`);
    expect(controls.length).toBeGreaterThan(30);
    const walk = async (key: string) => {
      const steps: number[] = [];
      for (;;) {
        await page.keyboard.press(key);
        const step = await focused(page);
        if (step === null || step.at === steps[0] || steps.length > controls.length) return steps;
        expect([step.at, step.isSeen]).toEqual([step.at, true]);
        steps.push(step.at);
      }
    };
    expect(await walk('Tab')).toEqual(controls);
    expect(await walk('Shift+Tab')).toEqual(controls.toReversed());

    // The first of them leads past the list of runs.
    const skip = page.getByRole('button', { name: 'Skip to the charts' });
    await skip.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(`document.querySelector('main').contains(document.activeElement)`)).toBe(true);
    const first = await page.evaluate<number>(
      `[...document.querySelectorAll('*')].indexOf(document.querySelector('.skip'))`,
    );
    expect(controls[0]).toBe(first);
  },
);

test.skipIf(noChromium !== null)('keys hide a curve and show it, also when its chart is made anew', async () => {
  const page = await shown('curves');
  const chart = page.locator('[data-chart="loss"]');
  const smoothed = chart.getByRole('button', { name: 'book smoothed' });
  const pressed = () => smoothed.getAttribute('aria-pressed');
  const before = await ink(page, '[data-chart="loss"]');
  await smoothed.focus();
  await page.keyboard.press('Enter');
  expect(await pressed()).toBe('false');
  await expect.poll(() => ink(page, '[data-chart="loss"]')).toBeLessThan(before);
  // Another theme makes the chart anew: the curve stays hidden, and the focus where it was.
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.locator('[data-scheme="dark"]').waitFor();
  expect(await pressed()).toBe('false');
  await page.keyboard.press(' ');
  expect(await pressed()).toBe('true');
});

test.skipIf(noChromium !== null)('keys move and zoom each chart, and Escape shows all again', async () => {
  const page = await shown('ranges');
  const range = page.locator('header [role="status"]').last();
  expect(await range.innerText()).toBe('');
  for (const chart of ['loss', 'lr']) {
    await page.locator(`[data-chart="${chart}"] .drawing`).focus();
    await page.keyboard.press('+');
    await expect.poll(() => range.innerText()).toMatch(/^step \d+ to \d+$/);
    const zoomed = await range.innerText();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => range.innerText()).not.toBe(zoomed);
    await page.keyboard.press('Escape');
    await expect.poll(() => range.innerText()).toBe('');
  }
  // The timeline has a range of its own.
  const whole = page.getByRole('button', { name: 'whole run' }).first();
  await page.getByRole('application', { name: /^Timeline of 3 workers/ }).focus();
  await page.keyboard.press('+');
  await expect.poll(() => whole.getAttribute('aria-pressed')).toBe('false');
  await page.keyboard.press('Escape');
  await expect.poll(() => whole.getAttribute('aria-pressed')).toBe('true');
});

test.skipIf(noChromium !== null)('keys choose runs', async () => {
  const page = await shown('choice');
  await page.getByRole('checkbox', { name: 'Lay other over' }).focus();
  await page.keyboard.press(' ');
  await expect.poll(() => page.locator('[data-run]').count()).toBe(1);
  await page.getByRole('button', { name: /^other/ }).focus();
  await page.keyboard.press('Enter');
  await page.locator('[data-run="other"]').waitFor();
  await expect.poll(() => page.locator('[data-run]').count()).toBe(1);
});

test.skipIf(noChromium !== null)('charts and timeline are told in words, and as tables', async () => {
  const page = await shown('words');
  const told = async (name: RegExp) => {
    const chart = page.getByRole('application', { name }).first();
    const id = await chart.getAttribute('aria-describedby');
    return page.locator(`[id="${id}"]`).textContent();
  };
  expect(await told(/^Loss of 2 runs/)).toMatch(
    /book: 60 steps, 1 without a number, from 4.99 at step 1 to 4.4 at step 60, lowest 4.4 at step 60, highest 4.99 at step 1\. other: 50 steps, from 3.98 .*Arrow keys move/,
  );
  expect(await told(/^Timeline of 3 workers/)).toMatch(
    /^3 processes, 1 retired, 1 died\. The table below has the same\./,
  );
  expect(await told(/^Memory of book/)).toContain('300 MB in the main process');
  expect(await told(/^Energy of book/)).toContain('J per step 1.25');
  const steps = page.locator('[data-panel="steps"]');
  await steps.locator('summary').click();
  const rows = await steps.locator('tbody tr').allInnerTexts();
  expect(rows.length).toBe(100);
  expect(rows[0]).toMatch(/^book\s+1\s.*4\.99\s+1\s+0\.001\s+100\s+1,024$/s);
  expect(rows.at(-1)).toMatch(/^other\s+50\s.*3\s/s);
});

test.skipIf(noChromium !== null)(
  'at 200 and 400 % of a window of 1,280 pixels nothing but tables scrolls sideways',
  async () => {
    const page = await shown('zoom', { deviceScaleFactor: 4 });
    for (const summary of await page.locator('summary').all()) await summary.click();
    for (const [width, height] of [
      [640, 450],
      [320, 256],
    ] as const) {
      await page.setViewportSize({ width, height });
      // The charts follow the window.
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const cut = await page.evaluate<string[]>(`(() => {
      const isHidden = (element) => element.closest('.scroll, .unseen, .skip, .runs, .u-wrap') !== null;
      return [...document.querySelectorAll('body *')]
        .filter((element) => !isHidden(element) && element.getBoundingClientRect().right > innerWidth)
        .map(({ outerHTML }) => outerHTML.slice(0, 200));
    })()`);
      expect(cut).toEqual([]);
    }
  },
);

test.skipIf(noChromium !== null)('nothing moves by itself, and a pause holds what is shown', async () => {
  const folder = join(root, 'pause');
  const book = writeRuns(folder);
  const { page } = await watchedPage(browser, folder, { reducedMotion: 'reduce' });
  await page.getByRole('button', { name: /^book/ }).click();
  const card = page.locator('[data-run="book"]');
  await expect.poll(() => card.innerText()).toContain('60 of 100');
  expect(await page.evaluate('document.getAnimations().length')).toBe(0);
  const pause = page.getByRole('button', { name: 'pause' });
  await pause.click();
  await page.locator('.connection', { hasText: 'paused' }).waitFor();
  book.step(61);
  // Another page, which asked later, has it.
  const other = await page.context().newPage();
  await other.goto(page.url());
  await expect.poll(() => other.locator('[data-run="book"]').innerText()).toContain('61 of 100');
  expect(await card.innerText()).toContain('60 of 100');
  await pause.click();
  await expect.poll(() => card.innerText()).toContain('61 of 100');
});
