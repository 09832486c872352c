// `node replay.mjs`: every target over the corpus kept here, with the compiler and the flags of the addon.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../make.mjs';
import { buildReplay, TARGETS, unpackCorpus } from './build.mjs';

for (const target of TARGETS) {
  const folder = unpackCorpus(target, 'replay');
  const files = readdirSync(folder).map((name) => join(folder, name));
  run(buildReplay(target), files);
  console.log(`${target}: ${files.length} inputs`);
}
