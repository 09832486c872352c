// `node fuzz.mjs TARGET [--seconds N]`: libFuzzer from the corpus kept here; what it finds new stays in build/fuzz/found, what
// crashes in build/fuzz/crashes. Exits with 69 where the tools are missing.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../binding.mjs';
import { buildFuzzer, hasFuzzer, here, PACKAGES, TARGETS, unpackCorpus } from './build.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' } },
});
const [target] = positionals;
if (!TARGETS.includes(target) || !(Number(values.seconds) > 0)) {
  console.error(
    `Expected a target among ${TARGETS.join(', ')} and --seconds above 0, got ${process.argv.slice(2).join(' ')}`,
  );
  process.exit(2);
}
if (!hasFuzzer()) {
  console.log(`skipping fuzzing: needs apt-get install ${PACKAGES}`);
  process.exit(69);
}
const [found, crashes] = ['found', 'crashes'].map((name) => join(root, 'build', 'fuzz', name, target));
for (const folder of [found, crashes]) mkdirSync(folder, { recursive: true });
const options = [`-max_total_time=${values.seconds}`, '-timeout=10', '-rss_limit_mb=4096', '-print_final_stats=1'];
const dictionary = target === 'mil' ? [`-dict=${join(here, 'mil.dict')}`] : [];
const folders = [found, unpackCorpus(target, 'fuzz')];
const run = spawnSync(buildFuzzer(target), [...options, ...dictionary, `-artifact_prefix=${crashes}/`, ...folders], {
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
