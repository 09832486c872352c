// Writes the parts of pages of docs/ that are generated from tables of the sources, each between two comments of its page.
// With --check only compares, and exits with 1 if a page is out of date. Needs a build.
import { readFileSync, writeFileSync } from 'node:fs';
import * as commands from './pages/commands.mjs';
import * as errors from './pages/errors.mjs';
import * as milOperations from './pages/mil-operations.mjs';

const [begin, end] = ['<!-- generated: begin -->', '<!-- generated: end -->'];

for (const { page, generated } of [commands, errors, milOperations]) {
  const file = new URL(`../../../${page}`, import.meta.url);
  const text = readFileSync(file, 'utf8');
  const [before, rest] = text.split(begin);
  const current = `${before}${begin}\n${generated()}\n${end}${rest.split(end)[1]}`;
  if (!process.argv.includes('--check')) writeFileSync(file, current);
  else if (current !== text) {
    console.error(`${page} is out of date: run \`npm run docs:generate\``);
    process.exitCode = 1;
  }
}
