// Builds build/Release/mayfly.node with node-gyp. `--if-missing` (the install step) leaves a present build alone.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = dirname(fileURLToPath(import.meta.url));
const build = join(root, 'build');
if (process.argv.includes('--if-missing') && existsSync(join(build, 'Release', 'mayfly.node'))) process.exit(0);

/** A Node distribution carries its own headers; with them no download is needed. */
function bundledHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const header = join(prefix, 'include', 'node', 'node_version.h');
  if (!existsSync(header)) return [];
  const text = readFileSync(header, 'utf8');
  const version = ['MAJOR', 'MINOR', 'PATCH'].map((part) => text.match(`#define NODE_${part}_VERSION (\\d+)`)?.[1]);
  return `v${version.join('.')}` === process.version ? [`--nodedir=${prefix}`] : [];
}

/** What the Makefile was generated from: when any of it changes, it is generated again. */
function configuration(headers) {
  const sources = require('./sources.cjs');
  const gyp = readFileSync(join(root, 'binding.gyp'), 'utf8');
  // node-gyp writes these variables into the Makefile.
  const { CC, CXX, AR, LINK, CFLAGS, CXXFLAGS, LDFLAGS } = process.env;
  const compiler = { CC, CXX, AR, LINK, CFLAGS, CXXFLAGS, LDFLAGS };
  const sets = [
    ...['base', 'avx2', 'avx512', 'avx512bf16', 'amx'].map((set) => sources('sources', set)),
    ...['ane', 'tiles'].map((part) => sources('emulator', part)),
  ];
  return JSON.stringify({ node: process.version, headers, compiler, gyp, sources: sets });
}

function nodeGyp(step, headers) {
  const args = [require.resolve('node-gyp/bin/node-gyp.js'), step, ...headers, '--loglevel=warn'];
  if (step === 'build') args.push('--jobs', String(availableParallelism()));
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status === 0) return;
  process.stderr.write(
    `${run.stdout}${run.stderr}\n@mayfly/native: the addon could not be built. It needs a C++17 compiler, make and python3:\n` +
      '  Debian/Ubuntu: apt-get install g++ make python3     macOS: xcode-select --install\n',
  );
  process.exit(run.status ?? 1);
}

const headers = bundledHeaders();
const configured = join(build, 'mayfly-configuration.json');
const wanted = configuration(headers);
if (!existsSync(configured) || readFileSync(configured, 'utf8') !== wanted) {
  nodeGyp('configure', headers);
  mkdirSync(build, { recursive: true });
  writeFileSync(configured, wanted);
}
nodeGyp('build', headers);
