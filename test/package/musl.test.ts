import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { muslCompiler } from '../../tools/pack/build-musl.mjs';
import { unpackDebian } from './debian.js';
import { importsOf, NODES_OWN } from './elf.js';
import { tarballs } from './registry.js';

const machines = [
  { arch: 'x64', debian: 'amd64', machine: 'x86_64', emulator: [] },
  { arch: 'arm64', debian: 'arm64', machine: 'aarch64', emulator: ['qemu-aarch64'] },
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
describe.each(machines)('the addon for musl on $arch', ({ arch, debian, machine, emulator }) => {
  const tarball = tarballs.get(`native-linuxmusl-${arch}`);
  const compiler = tarball === undefined ? undefined : muslCompiler(arch, 'cc');
  const command: readonly string[] | undefined = compiler?.command;
  const root = command === undefined ? undefined : unpackDebian('bookworm', debian, ['musl']);
  const missing = [
    ...(tarball === undefined ? [`the tarball of native-linuxmusl-${arch}`] : []),
    ...(compiler?.reason === undefined ? [] : [compiler.reason]),
    ...(command !== undefined && root === undefined ? ['musl of Debian by apt-get'] : []),
    ...emulator.filter((name) => spawnSync(name, ['--version']).status !== 0),
  ];
  if (missing.length > 0) console.log(`skipping the addon for musl on ${arch}: needs ${missing.join(', ')}`);

  test.runIf(missing.length === 0)('loads', () => {
    const own = join(folder, arch);
    execFileSync('tar', ['-xzf', tarball as string, '-C', folder, '--transform', `s,^package,${arch},`]);
    const addon = join(own, 'mayfly.node');
    expect(execFileSync('readelf', ['--dynamic', addon], { encoding: 'utf8' }).match(/NEEDED.*\[(.*)\]/g)).toHaveLength(
      1,
    );
    const names = importsOf(addon).map(({ name }) => name);
    writeFileSync(join(own, 'host.c'), hostOf(names.filter((name) => NODES_OWN.test(name))));
    const host = join(own, 'host');
    const [compiler = '', ...flags] = command as readonly string[];
    execFileSync(compiler, [...flags, '-dynamic', '-rdynamic', join(own, 'host.c'), '-o', host]);
    const loader = join(root as string, 'lib', `ld-musl-${machine}.so.1`);
    const [file = '', ...args] = [...emulator, loader, host, addon];
    expect(spawnSync(file, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: 'loaded\n' });
  });
});
