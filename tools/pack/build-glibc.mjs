// The addon for Linux with glibc 2.28 or later: objects of this system's g++, linked against the libraries of an older system,
// with the C++ library inside.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { archive, gccFlags, nodeIncludes, root, sources } from '../../packages/native/checks/binding.mjs';
import { make, run } from '../../packages/native/checks/make.mjs';
import { fetchPackage } from './fetch.mjs';

const compatible = join(dirname(fileURLToPath(import.meta.url)), 'older-glibc.cc');
/** Of each processor: its compiler, and the package whose C library is glibc 2.17's. */
const systems = {
  x64: { machine: 'x86_64', loader: 'ld-linux-x86-64.so.2', version: '1.0.0' },
  arm64: { machine: 'aarch64', loader: 'ld-linux-aarch64.so.1', version: '1.0.3' },
};
const compilerOf = (arch) => (arch === process.arch ? 'g++' : `${systems[arch].machine}-linux-gnu-g++`);

/** The folder of an older system's libraries; undefined where npm does not give it. */
function olderSystem(arch) {
  const { machine, version } = systems[arch];
  const found = fetchPackage(`@napi-rs/cross-toolchain-x64-target-${machine}@${version}`);
  if (found === undefined) return undefined;
  const system = join(found, `${machine}-unknown-linux-gnu`, 'sysroot');
  if (!existsSync(system)) run('tar', ['-xJf', join(found, `${machine}-unknown-linux-gnu.tar.xz`), '-C', found]);
  return system;
}

/** The addon's objects: those of node-gyp for this machine, else compiled with the same flags. */
function objectsFor(arch, folder) {
  if (arch === process.arch) {
    const entry = join(root, 'build', 'Release', 'obj.target', 'mayfly', 'src', 'addon.o');
    return [entry, archive];
  }
  const compiler = [compilerOf(arch), ...gccFlags, ...nodeIncludes()];
  const name = 'objects.o';
  return [
    make({
      ...{ folder, name, sources: sources.addon, compile: () => compiler },
      link: (objects) => [compilerOf(arch), '-r', '-nostdlib', ...objects],
    }),
  ];
}

/** Builds for `arch` and returns the file, or the reason why not. */
export function buildForGlibc(arch, folder) {
  const compiler = compilerOf(arch);
  if (spawnSync(compiler, ['--version']).status !== 0)
    return { reason: `needs apt-get install g++-${systems[arch].machine.replace('_', '-')}-linux-gnu` };
  const system = olderSystem(arch);
  if (system === undefined) return { reason: 'needs @napi-rs/cross-toolchain-* from npm' };
  mkdirSync(folder, { recursive: true });
  const compat = join(folder, 'older-glibc.o');
  run(compiler, ['-O2', '-fPIC', '-c', compatible, '-o', compat]);
  const file = join(folder, 'mayfly.node');
  const own = (name) => run(compiler, [`-print-file-name=${name}`]).trim();
  const older = (name) => join(system, 'lib', name);
  run(compiler, [
    ...['-shared', '-nodefaultlibs', '-pthread', '-s', '-o', file],
    ...[
      '-Wl,--exclude-libs,ALL',
      '-Wl,--gc-sections',
      `-Wl,--version-script=${join(dirname(compatible), 'exports.map')}`,
    ],
    ...[...objectsFor(arch, folder), compat, own('libstdc++.a'), own('libgcc.a')],
    ...['libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'libc.so.6'].map(older),
    ...[join(system, 'usr', 'lib', 'libc_nonshared.a'), older(systems[arch].loader)],
  ]);
  return { file };
}
