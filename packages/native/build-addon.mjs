// Builds build/Release/mayfly.node with node-gyp. `--tests` also builds the stand-ins for tests, which later builds keep up to date.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lockBuild } from './build-lock.mjs';

const require = createRequire(import.meta.url);
const root = dirname(fileURLToPath(import.meta.url));
const build = join(root, 'build');
const release = join(build, 'Release');
const tools = join(build, 'tools');
/** What the finished build was made for and from; there from its end to the beginning of the next. */
const finished = join(build, 'mayfly-configuration.json');

/** A Node distribution carries its own headers; with them no download is needed. */
function bundledHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const header = join(prefix, 'include', 'node', 'node_version.h');
  if (!existsSync(header)) return [];
  const text = readFileSync(header, 'utf8');
  const version = ['MAJOR', 'MINOR', 'PATCH'].map((part) => text.match(`#define NODE_${part}_VERSION (\\d+)`)?.[1]);
  return `v${version.join('.')}` === process.version ? [`--nodedir=${prefix}`] : [];
}

/** What npm has to fetch where this package was installed: there it comes with a finished addon, and needs no tools. */
function fetchTools() {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = ['node-gyp', 'node-addon-api'].map((name) => `${name}@${devDependencies[name]}`);
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--prefix', tools, '--ignore-scripts', '--no-audit', '--no-fund', ...wanted];
  const { status, stderr, error } = spawnSync('npm', args, { encoding: 'utf8' });
  if (status === 0) return;
  process.stderr.write(`@mayfly/native: npm gives no ${wanted.join(' and ')}:\n${error?.message ?? stderr}\n`);
  process.exit(1);
}

/** The path of a module of the tools: of the repository's, or of those that were fetched. */
const toolModule = (name) => require.resolve(name, { paths: [root, tools] });

/** What every object file depends on beside its source: where any of it changes, nothing of the last build is of use. */
function environment(headers) {
  const { platform, arch, version } = process;
  const libc = process.report.getReport().header.glibcVersionRuntime ?? 'other';
  // Makefile and dependencies hold absolute paths of these two.
  const places = { root, nodeGyp: toolModule('node-gyp/bin/node-gyp.js') };
  const { CC, CXX, AR, LINK, CFLAGS, CXXFLAGS, LDFLAGS } = process.env;
  return { node: version, platform, arch, libc, headers, ...places, CC, CXX, AR, LINK, CFLAGS, CXXFLAGS, LDFLAGS };
}

/** What the Makefile is generated from beside that. */
function inputs() {
  const sources = require('./sources.cjs');
  const text = ['binding.gyp', 'flags.gypi'].map((name) => readFileSync(join(root, name), 'utf8'));
  return {
    text,
    sources: ['src', 'emulator'].flatMap((folder) => (existsSync(join(root, folder)) ? sources(folder) : [])),
  };
}

function nodeGyp(step, headers, targets = []) {
  const args = [toolModule('node-gyp/bin/node-gyp.js'), step, ...targets, ...headers, '--loglevel=warn'];
  if (step === 'build') args.push('--jobs', String(availableParallelism()));
  // flags.gypi looks for node-addon-api.
  const env = { ...process.env, NODE_PATH: join(tools, 'node_modules') };
  const run = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status === 0) return;
  process.stderr.write(
    `${run.stdout}${run.stderr}\n@mayfly/native: the addon could not be built. It needs a C++17 compiler, make and python3:\n` +
      '  Debian/Ubuntu: apt-get install g++ make python3     macOS: xcode-select --install\n',
  );
  process.exit(run.status ?? 1);
}

/** Of the last build that was finished; null where there is none, or one was interrupted. */
function lastBuild() {
  try {
    return existsSync(join(release, 'mayfly.node')) ? JSON.parse(readFileSync(finished, 'utf8')) : null;
  } catch {
    return null;
  }
}

/** Device ane's second stand-in, where somebody has built it: tests take what is there, so it must not be older than what it is of. */
function refreshGnustep() {
  const library = join(release, 'libane_gnustep.so');
  const folder = join(root, 'emulator', 'gnustep');
  if (!existsSync(library) || !existsSync(folder)) return;
  const made = statSync(library).mtimeMs;
  const isNewer = (path) => statSync(path).mtimeMs > made;
  const parts = [
    ...readdirSync(release)
      .filter((name) => name.endsWith('.a') || name.endsWith('.node'))
      .map((name) => join(release, name)),
    ...readdirSync(folder).map((name) => join(folder, name)),
  ];
  if (!parts.some(isNewer)) return;
  rmSync(library);
  spawnSync(process.execPath, [join(folder, 'build.mjs')], { stdio: 'inherit' });
}

// Published under another name: pnpm takes a package with a binding.gyp for one that is compiled at its install.
if (!existsSync(join(root, 'binding.gyp'))) copyFileSync(join(root, 'addon.gyp'), join(root, 'binding.gyp'));
mkdirSync(build, { recursive: true });
lockBuild(join(build, 'lock'));
try {
  toolModule('node-gyp/bin/node-gyp.js');
} catch {
  fetchTools();
}
const headers = bundledHeaders();
const wanted = JSON.parse(JSON.stringify({ environment: environment(headers), inputs: inputs() }));
const last = lastBuild();
const same = (part) => JSON.stringify(last?.[part]) === JSON.stringify(wanted[part]);
const withStandIns = process.argv.includes('--tests') || existsSync(join(release, 'ane_emulator.node'));

rmSync(finished, { force: true });
// What an interrupted compiler or linker left is newer than its sources, and make takes it for whole.
if (!same('environment')) rmSync(release, { recursive: true, force: true });
if (!same('environment') || !same('inputs')) nodeGyp('configure', headers);
nodeGyp('build', headers, withStandIns ? [] : ['mayfly']);
refreshGnustep();
writeFileSync(finished, JSON.stringify(wanted));
