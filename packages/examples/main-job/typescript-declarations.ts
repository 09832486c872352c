import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The text is cut into blocks of so many bytes, of which one in `ONE_IN` is never trained on. */
const BLOCK_BYTES = 8192;
const ONE_IN = 20;

export interface TextFiles {
  readonly training: string;
  readonly heldOut: string;
}

/**
 * Puts the declaration files of the installed TypeScript, in the order of their names, into two files of `folder`: one to
 * train on, one to measure by. They stay there, so that the run can be resumed with `mayfly train`.
 */
export function writeDeclarations(folder: string): TextFiles {
  const lib = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'lib');
  const names = readdirSync(lib)
    .filter((name) => name.endsWith('.d.ts'))
    .sort();
  const text = Buffer.concat(names.map((name) => readFileSync(join(lib, name))));
  const blocks = Array.from({ length: Math.ceil(text.length / BLOCK_BYTES) }, (_, index) =>
    text.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES),
  );
  const files = { training: join(folder, 'training.txt'), heldOut: join(folder, 'held-out.txt') };
  const isHeldOut = (index: number) => index % ONE_IN === ONE_IN - 1;
  writeFileSync(files.training, Buffer.concat(blocks.filter((_, index) => !isHeldOut(index))));
  writeFileSync(files.heldOut, Buffer.concat(blocks.filter((_, index) => isHeldOut(index))));
  return files;
}
