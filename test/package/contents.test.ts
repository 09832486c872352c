import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import targets from '../../packages/native/targets.json' with { type: 'json' };
import { repository } from '../../tools/pack/fetch.mjs';
import { published } from '../../tools/pack/stage.mjs';
import { importsOf, NODES_OWN } from './elf.js';
import { tarballs } from './registry.js';
import { attw, publint } from './tools.js';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-contents-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const say = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
const filesOf = (tarball: string): string[] => say('tar', '-tzf', tarball).trim().split('\n');
const manifestOf = (tarball: string): Record<string, unknown> =>
  JSON.parse(say('tar', '-xzOf', tarball, 'package/package.json')) as Record<string, unknown>;

/** A package in package-lock.json, whose keys are folders. */
interface Locked {
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

test('none of their dependencies has an install script, over which pnpm ends with an error', () => {
  const { packages } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  /** Folders of dependencies are looked up as Node does: in the package's own, then in those of the folders around it. */
  const folderOf = (name: string, from: string): string => {
    const folder = `${from}${from && '/'}node_modules/${name}`;
    const locked = packages[folder];
    if (locked !== undefined) return locked.link === true ? (locked.resolved as string) : folder;
    if (from === '') throw new Error(`package-lock.json has no ${name}`);
    return folderOf(name, from.split('/').slice(0, -1).join('/'));
  };
  const installed = new Set(published.map((name) => `packages/${name}`));
  for (const folder of installed) {
    const { dependencies, optionalDependencies } = packages[folder] as Locked;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) installed.add(folderOf(name, folder));
  }
  expect([...installed]).toEqual(expect.arrayContaining(['packages/native', 'node_modules/hyparquet-compressors']));
  expect([...installed].filter((folder) => packages[folder]?.hasInstallScript)).toEqual([]);
});

describe.each([...tarballs])('%s', (name, tarball) => {
  test('has a license, a readme, its machines, and nothing that runs at an install', () => {
    const files = filesOf(tarball);
    expect(files).toEqual(expect.arrayContaining(['package/LICENSE', 'package/README.md', 'package/package.json']));
    const manifest = manifestOf(tarball);
    for (const key of ['description', 'keywords', 'license', 'engines', 'os', 'publishConfig'])
      expect(manifest, key).toHaveProperty(key);
    expect(manifest).not.toHaveProperty('scripts');
    expect(files).not.toContain('package/binding.gyp');
    expect(Object.keys((manifest.dependencies ?? {}) as object)).not.toContain('node-gyp');
  });

  // esbuild puts the path of a file before its code. tsup's lines that give CommonJS an import.meta.url are its own.
  test('has the license of each package that was compiled into it', () => {
    const code = filesOf(tarball).filter((file) => /^package\/dist\/.*\.c?js$/.test(file));
    const inside = new Set(
      code.flatMap((file) =>
        [
          ...say('tar', '-xzOf', tarball, file).matchAll(
            /^\s*\/\/ .*node_modules\/(?!tsup\/)((?:@[\w.-]+\/)?[\w.-]+)\//gm,
          ),
        ].map(([, found]) => found as string),
      ),
    );
    expect([...inside].sort()).toEqual(name === 'worker' ? ['msgpackr'] : []);
    for (const dependency of inside) expect(filesOf(tarball)).toContain(`package/dist/LICENSE.${dependency}`);
  });

  test('has no part that is for tests, no source map, and at most 1 MB', () => {
    const files = filesOf(tarball);
    expect(files.filter((file) => /emulator|tiles|checks|\.test\.|\.map$/.test(file))).toEqual([]);
    for (const file of files.filter((name) => /^package\/dist\/.*\.c?js$/.test(name)))
      expect(say('tar', '-xzOf', tarball, file), file).not.toMatch(/^\/\/# sourceMappingURL=/m);
    expect(statSync(tarball).size).toBeLessThan(1_000_000);
  });

  test.runIf(publint !== undefined)('publint finds no fault', () => {
    expect(say(process.execPath, publint as string, 'run', tarball, '--strict')).toContain('All good');
  });

  // Core and worker are modules, which require of every supported Node and TypeScript 5.8 load. The worker's entry is a program.
  const profile = name === 'native' ? 'node16' : 'esm-only';
  test.runIf(attw !== undefined && !name.startsWith('native-'))('arethetypeswrong finds no fault', () => {
    const entry = name === 'worker' ? ['--exclude-entrypoints', 'entry'] : [];
    say(process.execPath, attw as string, tarball, '--profile', profile, ...entry, '--format', 'ascii');
  });
});

/** Newer than the C library that we link against, and not newer than what Node itself asks for. */
const UNVERSIONED = [
  'fcntl64',
  'getentropy',
  'getrandom',
  'memfd_create',
  '__cxa_thread_atexit_impl',
  'copy_file_range',
  'statx',
  'gettid',
];

describe.each(targets.filter(({ os, name }) => os === 'linux' && tarballs.has(`native-${name}`)))(
  'the addon for $name',
  ({ name, libc }) => {
    say(
      'tar',
      '-xzf',
      tarballs.get(`native-${name}`) as string,
      '-C',
      folder,
      '--one-top-level',
      '--transform',
      `s,package,${name},`,
    );
    const file = join(folder, `mayfly-native-${name}-0.1.0`, name, 'mayfly.node');

    test('is stripped, and exports its two entries', () => {
      const defined =
        say('readelf', '--wide', '--dyn-syms', file).match(/ (?:GLOBAL|UNIQUE|WEAK)\s+DEFAULT\s+\d+ (\S+)/g) ?? [];
      expect(defined.map((line) => line.split(' ').at(-1)).sort()).toEqual([
        'napi_register_module_v1',
        'node_api_module_get_api_version_v1',
      ]);
      expect(say('readelf', '--wide', '--sections', file)).not.toContain('.symtab');
    });

    test.runIf(libc === 'glibc')('asks for glibc 2.28 at most, and for no C++ library', () => {
      const needed = importsOf(file).filter(({ name: symbol, weak }) => !weak && !NODES_OWN.test(symbol));
      expect(needed.length).toBeGreaterThan(50);
      const tooNew = needed.filter(({ version }) => Number(version?.match(/^GLIBC_2\.(\d+)/)?.[1] ?? 0) > 28);
      expect(tooNew).toEqual([]);
      expect(
        needed.filter(({ version, name: symbol }) => version === undefined && !UNVERSIONED.includes(symbol)),
      ).toEqual([]);
      expect(say('readelf', '--dynamic', file)).not.toContain('libstdc++');
    });
  },
);
