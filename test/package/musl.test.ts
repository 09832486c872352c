import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { unpackDebian } from './debian.js';
import { importsOf, NODES_OWN } from './elf.js';
import { tarballs } from './registry.js';

const machines = [
  { arch: 'x64', debian: 'amd64', machine: 'x86_64', compiler: 'gcc', emulator: [] },
  { arch: 'arm64', debian: 'arm64', machine: 'aarch64', compiler: 'aarch64-linux-gnu-gcc', emulator: ['qemu-aarch64'] },
];
const folder = mkdtempSync(join(tmpdir(), 'mayfly-musl-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Loads the addon that its argument names, all of whose functions have to be found: in musl, or here in the place of Node's. */
const hostOf = (functions: readonly string[]): string => `#include <dlfcn.h>
#include <stdio.h>
${functions.map((name) => `int ${name}(void) { return 0; }`).join('\n')}
int main(int count, char** words) {
  void* addon = count == 2 ? dlopen(words[1], RTLD_NOW) : 0;
  const char* error = addon ? 0 : dlerror();
  if (!error && !dlsym(addon, "napi_register_module_v1")) error = "it has no entry";
  puts(error ? error : "loaded");
  return error != 0;
}
`;

// npm has no Node for musl, so that no more than this can be asked.
describe.runIf(process.platform === 'linux' && process.arch === 'x64').each(machines)(
  'the addon for musl on $arch',
  ({ arch, debian, machine, compiler, emulator }) => {
    const tarball = tarballs.get(`native-linuxmusl-${arch}`);
    const root = tarball === undefined ? undefined : unpackDebian('bookworm', debian, ['musl', 'musl-dev']);
    const missing = [
      ...(tarball === undefined ? [`the tarball of native-linuxmusl-${arch}`] : []),
      ...(tarball !== undefined && root === undefined ? ['musl of Debian by apt-get'] : []),
      ...[compiler, ...emulator].filter((name) => spawnSync(name, ['--version']).status !== 0),
    ];
    if (missing.length > 0) console.log(`skipping the addon for musl on ${arch}: needs ${missing.join(', ')}`);

    test.runIf(missing.length === 0)('loads, and needs no library but musl', () => {
      execFileSync('tar', ['-xzf', tarball as string, '-C', folder, '--transform', `s,^package,${arch},`]);
      const own = join(folder, arch);
      const addon = join(own, 'mayfly.node');
      const needed = execFileSync('readelf', ['--dynamic', addon], { encoding: 'utf8' }).match(/NEEDED.*\[.*\]/g);
      expect(needed?.map((line) => line.replace(/.*\[|\]/g, ''))).toEqual(['libc.so']);
      const names = importsOf(addon).map(({ name }) => name);
      writeFileSync(join(own, 'host.c'), hostOf(names.filter((name) => NODES_OWN.test(name))));
      const part = (...names: string[]): string => join(root as string, ...names);
      const start = (name: string): string => part('usr', 'lib', `${machine}-linux-musl`, name);
      const library = part('lib', `${machine}-linux-musl`, 'libc.so');
      const host = join(own, 'host');
      execFileSync(compiler, [
        ...['-nostdinc', '-isystem', part('usr', 'include', `${machine}-linux-musl`), '-nostdlib'],
        ...['-pie', '-fPIE', '-rdynamic', start('Scrt1.o'), start('crti.o'), join(own, 'host.c'), library],
        ...[start('crtn.o'), '-o', host],
      ]);
      // musl's library is its loader, too.
      const [file = '', ...args] = [...emulator, library, host, addon];
      expect(spawnSync(file, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: 'loaded\n' });
    });
  },
);
