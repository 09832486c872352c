import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const native = fileURLToPath(new URL('../../../packages/native/', import.meta.url));
const folder = temporaryFolder();

/** Stands in for node-gyp: notes its step in `log`, and makes the addon, half of it at first. */
const nodeGyp = `
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs');
const step = process.argv[2];
const say = (line) => appendFileSync(process.env.LOG, line + '\\n');
const kept = existsSync('build/Release/object.o');
say(step === 'build' ? 'build ' + (kept ? 'on' : 'anew') : step);
if (step === 'build') {
  mkdirSync('build/Release', { recursive: true });
  writeFileSync('build/Release/object.o', '');
  writeFileSync('build/Release/mayfly.node', 'half');
  if (process.env.HANG) { say('half'); setInterval(() => {}, 1000); }
  else setTimeout(() => { writeFileSync('build/Release/mayfly.node', 'whole'); say('built'); }, Number(process.env.TAKES ?? 0));
}`;

function writeTool(folder: string): void {
  const tool = join(folder, 'node_modules', 'node-gyp');
  mkdirSync(join(tool, 'bin'), { recursive: true });
  writeFileSync(join(tool, 'package.json'), '{"name": "node-gyp"}');
  writeFileSync(join(tool, 'bin', 'node-gyp.js'), nodeGyp);
}

/** A repository with a node-gyp of its own. */
function makePackage(name: string): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'src'), { recursive: true });
  for (const file of ['build-addon.mjs', 'build-lock.mjs', 'sources.cjs', 'binding.gyp', 'flags.gypi']) {
    if (existsSync(join(native, file))) copyFileSync(join(native, file), join(root, file));
  }
  writeFileSync(join(root, 'src', 'addon.cc'), '');
  mkdirSync(join(root, 'emulator'));
  writeTool(root);
  return root;
}

const start = (root: string, env: Record<string, string> = {}): ChildProcess =>
  spawn(process.execPath, [join(root, 'build-addon.mjs')], {
    env: { ...process.env, LOG: `${root}.log`, ...env },
    stdio: 'ignore',
    detached: true,
  });

const log = (root: string): string[] => readFileSync(`${root}.log`, 'utf8').trim().split('\n');

/** The steps of node-gyp in one build. */
async function build(root: string, env: Record<string, string> = {}): Promise<string[]> {
  writeFileSync(`${root}.log`, '');
  const [code] = await once(start(root, env), 'exit');
  expect(code).toBe(0);
  return log(root).filter((line) => line !== '');
}

const ANEW = ['configure', 'build anew', 'built'];

test('a finished build goes on where it was', async () => {
  const root = makePackage('plain');
  expect(await build(root)).toEqual(ANEW);
  expect(await build(root)).toEqual(['build on', 'built']);
});

test.each(['CXX', 'LDFLAGS'])('another %s begins anew', async (name) => {
  const root = makePackage(`with-${name}`);
  await build(root);
  expect(await build(root, { [name]: 'other' })).toEqual(ANEW);
  expect(await build(root, { [name]: 'other' })).toEqual(['build on', 'built']);
});

test('a tree that was moved begins anew', async () => {
  const root = makePackage('before');
  await build(root);
  const moved = join(folder, 'after');
  renameSync(root, moved);
  expect(await build(moved)).toEqual(ANEW);
});

test('a killed build does not look finished, and none of its files is used', async () => {
  const root = makePackage('killed');
  await build(root);
  writeFileSync(`${root}.log`, '');
  const child = start(root, { HANG: '1' });
  const exited = once(child, 'exit');
  await expect.poll(() => log(root), { interval: 5 }).toContain('half');
  process.kill(-child.pid!, 'SIGKILL');
  await exited;
  expect(await build(root)).toEqual(ANEW);
  expect(readFileSync(join(root, 'build', 'Release', 'mayfly.node'), 'utf8')).toBe('whole');
});

test('of two builds at once, one waits for the other', async () => {
  const root = makePackage('twice');
  writeFileSync(`${root}.log`, '');
  const builds = [1, 2, 3].map(() => once(start(root, { TAKES: '300' }), 'exit'));
  expect((await Promise.all(builds)).map(([code]) => code)).toEqual([0, 0, 0]);
  expect(log(root)).toEqual([...ANEW, 'build on', 'built', 'build on', 'built']);
});

test('a lock whose owner was killed as it took it does not hold up a build', async () => {
  const root = makePackage('locked');
  mkdirSync(join(root, 'build'));
  writeFileSync(join(root, 'build', 'lock'), '');
  expect(await build(root)).toEqual(ANEW);
});

describe('installed, without tools', () => {
  /** npm is a script in a folder of its own. */
  function install(name: string, npm: string): { root: string; env: NodeJS.ProcessEnv } {
    const root = makePackage(name);
    for (const part of ['emulator', 'node_modules']) rmSync(join(root, part), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"devDependencies": {"node-gyp": "1.0.0", "node-addon-api": "2.0.0"}}');
    const bin = join(root, 'bin');
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'npm'),
      `#!/bin/sh\nif [ "$1" = config ]; then echo https://registry.example; exit; fi\n${npm}\n`,
    );
    chmodSync(join(bin, 'npm'), 0o755);
    return { root, env: { ...process.env, LOG: `${root}.log`, PATH: `${bin}${delimiter}${process.env.PATH}` } };
  }
  const compile = ({ root, env }: ReturnType<typeof install>, ...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'build-addon.mjs'), ...args], { env, encoding: 'utf8' });

  test('npm fetches them from the registry of the project, and each step is said', () => {
    const installed = install('fetched', 'echo "npm $@" >> "$LOG"; cp -r "$(dirname "$0")"/../given/node_modules "$3"');
    writeTool(join(installed.root, 'given'));
    const { status, stderr } = compile(installed);
    expect(stderr).toMatch(
      /npm fetches node-gyp@1\.0\.0 and node-addon-api@2\.0\.0\n.*compiling 1 files.*\n.*built .*mayfly\.node\n$/s,
    );
    expect(status).toBe(0);
    const [npm, ...steps] = log(installed.root);
    expect(npm).toMatch(
      / --ignore-scripts .* --registry https:\/\/registry\.example node-gyp@1\.0\.0 node-addon-api@2\.0\.0$/,
    );
    expect(steps).toEqual(ANEW);
  });

  test('an npm that never ends is ended at the deadline', () => {
    const { status, stderr } = compile(install('hung', 'exec sleep 1000'), '--deadline', '0.2');
    expect(stderr).toContain('npm gives no node-gyp@1.0.0 and node-addon-api@2.0.0: it was not done after 0.2 s');
    expect(status).toBe(1);
  });

  test('an npm that fails has its words printed', () => {
    const { status, stderr } = compile(install('refused', 'echo E404 >&2; exit 1'));
    expect(stderr).toMatch(/E404\n.*npm gives no node-gyp@1\.0\.0 and node-addon-api@2\.0\.0: it ended with 1\n$/s);
    expect(status).toBe(1);
  });
});
