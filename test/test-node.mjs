// `npm run test:node -- 24`: the process tests, the examples' among them, with another Node, which npm has as a package.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const help = `npm run test:node -- VERSION [FILTER…]

Runs the process tests and the examples with Node VERSION (20, 22, 24.21.0, …), which comes from npm as node-<platform>-<arch> and
is kept in node_modules/.cache. FILTER: parts of test files' paths, instead of all process tests.
`;
/** The exit code of a check that lacks what it needs. */
const NOT_TO_BE_HAD = 69;
/** It runs no Node but the one that builds. */
const native = 'process/native/fuzz-corpus.test.ts';

const tests = dirname(fileURLToPath(import.meta.url));
const [version, ...filters] = process.argv.slice(2);

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/** The binary of a Node, fetched where it is not there yet. */
function nodeOf(wanted) {
  const { platform, arch } = process;
  const name = `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
  const folder = join(tests, '..', 'node_modules', '.cache', `node-${wanted}`);
  const node = join(folder, 'node_modules', name, 'bin', platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${wanted}`];
  const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
  if (status !== 0 || !existsSync(node)) {
    rmSync(folder, { recursive: true });
    process.stderr.write(`npm gives no ${name}@${wanted}:\n${stderr ?? 'there is no npm'}\n`);
    process.exit(NOT_TO_BE_HAD);
  }
  return node;
}

if (version === '--help') {
  process.stdout.write(help);
  process.exit();
}
if (!/^\d+(\.\d+){0,2}$/.test(version ?? '')) fail(`Expected a version of Node, got ${version ?? 'none'}\n\n${help}`);

const node = nodeOf(version);
const told = spawnSync(node, ['--version'], { encoding: 'utf8' });
if (told.status !== 0) fail(`Expected ${node} to run, got ${told.error?.message ?? told.stderr}`);
process.stdout.write(`Node ${told.stdout.trim()}: ${node}\n`);

// Workers, commands and examples are started with the Node that runs the tests; `#!/usr/bin/env node` follows PATH.
const require = createRequire(import.meta.url);
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const chosen = filters.length > 0 ? filters : ['process/'];
const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
const args = [vitest, 'run', '--root', tests, '--project', 'mayfly', '--exclude', native, ...chosen];
const { status, signal } = spawnSync(node, args, { env, stdio: 'inherit' });
process.exitCode = status ?? (signal === 'SIGINT' ? 130 : 1);
