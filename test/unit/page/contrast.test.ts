import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const style = readFileSync(new URL('../../../packages/page/src/style.css', import.meta.url), 'utf8');

/** Custom properties of a rule of the style sheet. */
function colorsOf(selector: string): Map<string, string> {
  const [, body] = new RegExp(`${selector.replace(/[[\]]/g, '\\$&')} \\{([^}]+)\\}`).exec(style)!;
  return new Map(Array.from(body!.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g), ([, name, color]) => [name!, color!]));
}

const light = colorsOf(':root');
const schemes = { light, dark: new Map([...light, ...colorsOf(':root[data-scheme="dark"]')]) };

/** Relative luminance, as WCAG 2.2 defines it. */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (high! + 0.05) / (low! + 0.05);
}

/** What is drawn on what, with the least contrast that WCAG 2.2 asks for: 4.5 for texts (1.4.3), 3 for lines, bars and borders (1.4.11). */
const pairs: readonly (readonly [least: number, on: string, names: readonly string[]])[] = [
  [4.5, 'surface', ['text', 'faint', 'died', 'good']],
  [4.5, 'page', ['text', 'faint']],
  [4.5, 'grid', ['good', 'died', 'text']],
  [4.5, 'serving', ['on-bar']],
  [3, 'surface', ['run-1', 'run-2', 'run-3', 'run-4', 'run-5', 'run-6', 'control']],
  [3, 'surface', ['serving', 'standby', 'starting', 'retiring', 'died']],
];

test.each(Object.entries(schemes))('colors have the contrast that WCAG asks for, %s', (_, colors) => {
  expect(colors.size).toBeGreaterThan(15);
  for (const [least, on, names] of pairs) {
    for (const name of names) {
      const found = contrast(colors.get(name)!, colors.get(on)!);
      expect([name, on, found >= least], `${name} on ${on}: ${found.toFixed(2)}`).toEqual([name, on, true]);
    }
  }
});
