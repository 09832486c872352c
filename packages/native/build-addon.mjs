// Builds build/Release/mayfly.node with node-gyp. `--tests` also builds the stand-ins for tests, which later builds keep up to date;
// `--deadline SECONDS` is for each download.
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
import { parseArgs } from 'node:util';
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

/** In the repository the tools are installed, and only errors are printed. A user's build fetches them, and shows what it does. */
const inRepository = existsSync(join(root, 'emulator'));
const { values } = parseArgs({ options: { tests: { type: 'boolean' }, deadline: { type: 'string', default: '300' } } });
const deadline = Number(values.deadline);

function fail(...lines) {
  process.stderr.write(`${lines.join('\n')}\n`);
  process.exit(1);
}
const say = (line) => inRepository || process.stderr.write(`@mayfly/native: ${line}\n`);
const shown = inRepository ? 'pipe' : 'inherit';

/** Undefined once a command did its work, else the reason. */
function run(command, args, options) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    ...{ stdio: shown, encoding: 'utf8', maxBuffer: 1 << 28, ...options },
  });
  if (status === 0) return undefined;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}\n`);
  if (error?.code !== 'ETIMEDOUT') return error?.message ?? `it ended with ${status}`;
  return `it was not done after ${deadline} s: is the network reachable? --deadline SECONDS gives it longer`;
}
/** Of a command that downloads: it may wait for an answer that never comes. */
const timeout = deadline * 1000;

const headers = bundledHeaders();

/** What npm has to fetch where this package was installed: there it comes with a finished addon, and needs no tools. */
function fetchTools() {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = ['node-gyp', 'node-addon-api'].map((name) => `${name}@${devDependencies[name]}`);
  say(`npm fetches ${wanted.join(' and ')}`);
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'package.json'), '{ "private": true }\n');
  // npm reads the .npmrc of the folder that it installs into, not that of the project, which may have a registry of its own.
  const { stdout } = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' });
  const registry = stdout?.trim() ? ['--registry', stdout.trim()] : [];
  // A connection without an answer is tried anew within the deadline: npm would wait five minutes for it.
  const quiet = ['--no-audit', '--no-fund', '--fetch-timeout=60000'];
  const args = ['install', '--prefix', tools, '--ignore-scripts', ...quiet, ...registry, ...wanted];
  const reason = run('npm', args, { timeout });
  if (reason !== undefined) fail(`@mayfly/native: npm gives no ${wanted.join(' and ')}: ${reason}`);
}

/** The path of a module of the tools: of the repository's, or of those that were fetched, since a user's project may have others. */
const toolModule = (name) => require.resolve(name, { paths: [inRepository ? root : tools] });

/** What every object file depends on beside its source: where any of it changes, nothing of the last build is of use. */
function environment() {
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

/** flags.gypi looks for node-addon-api. */
const env = { ...process.env, NODE_PATH: join(tools, 'node_modules') };
const nodeGyp = (step, targets = []) => [
  toolModule('node-gyp/bin/node-gyp.js'),
  ...[step, ...targets, ...headers, `--loglevel=${inRepository ? 'warn' : 'http'}`],
];
const needs =
  'A build needs a C++17 compiler, make and python3:\n' +
  '  Debian/Ubuntu: apt-get install g++ make python3     Alpine: apk add g++ linux-headers make python3\n' +
  '  macOS: xcode-select --install';

function configure() {
  const downloads = headers.length === 0 && process.env.npm_config_nodedir === undefined;
  if (downloads) say(`node-gyp fetches the headers of Node ${process.version}`);
  const reason = run(process.execPath, nodeGyp('configure'), { cwd: root, env, ...(downloads && { timeout }) });
  const other = downloads ? '; npm_config_nodedir=FOLDER takes the headers in FOLDER/include/node' : '';
  if (reason !== undefined) fail(`@mayfly/native: node-gyp did not configure the build: ${reason}${other}`, needs);
}

/** Takes as long as the machine needs. */
function compile() {
  const args = [...nodeGyp('build', withStandIns ? [] : ['mayfly']), '--jobs', String(availableParallelism())];
  const reason = run(process.execPath, args, { cwd: root, env });
  if (reason !== undefined) fail(`@mayfly/native: the addon could not be built: ${reason}`, needs);
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
const wanted = JSON.parse(JSON.stringify({ environment: environment(), inputs: inputs() }));
const last = lastBuild();
const same = (part) => JSON.stringify(last?.[part]) === JSON.stringify(wanted[part]);
const withStandIns = values.tests || existsSync(join(release, 'ane_emulator.node'));

rmSync(finished, { force: true });
// What an interrupted compiler or linker left is newer than its sources, and make takes it for whole.
if (!same('environment')) rmSync(release, { recursive: true, force: true });
if (!same('environment') || !same('inputs')) configure();
say(`compiling ${wanted.inputs.sources.length} files with ${availableParallelism()} processors, a minute or some more`);
compile();
refreshGnustep();
writeFileSync(finished, JSON.stringify(wanted));
say(`built ${join(release, 'mayfly.node')}`);
