import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Share of the text that is never trained on. */
const HELD_OUT = 0.05;

export interface TextFiles {
  readonly training: string;
  readonly heldOut: string;
}

/**
 * Puts the declaration files of the installed TypeScript, in the order of their names, into two files of `folder`: one to
 * train on, one (the end) to measure by. They stay there, so that the run can be resumed with `mayfly train`.
 */
export function writeDeclarations(folder: string): TextFiles {
  const lib = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'lib');
  const names = readdirSync(lib)
    .filter((name) => name.endsWith('.d.ts'))
    .sort();
  const text = Buffer.concat(names.map((name) => readFileSync(join(lib, name))));
  const border = Math.floor(text.length * (1 - HELD_OUT));
  const files = { training: join(folder, 'training.txt'), heldOut: join(folder, 'held-out.txt') };
  writeFileSync(files.training, text.subarray(0, border));
  writeFileSync(files.heldOut, text.subarray(border));
  return files;
}
