import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import type { Report } from './report.js';

/** Draws a report's plot as FOLDER/BENCHMARK.svg. */
export async function writePlot(folder: string, { benchmark, plot }: Report): Promise<void> {
  const view = new View(parse(compile(plot!).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${benchmark}.svg`), `${svg}\n`);
}
