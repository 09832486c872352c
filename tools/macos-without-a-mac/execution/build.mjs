// What executing code for macOS takes: a bundle of device ane, a loader for it, the emulator, and the same functions for Linux.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { archive, gccFlags, root, sources } from '../../../packages/native/checks/binding.mjs';
import { make } from '../../../packages/native/checks/make.mjs';
import { buildBundle } from '../cross-build.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const file = (name) => `../../tools/macos-without-a-mac/execution/${name}.cc`;
const LOADER = ['fixups', 'compact_unwind', 'register_unwinding', 'mach_image', 'darwin_c', 'load_main'].map(file);
const LOADER_FLAGS = ['-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror'];
const folder = (name) => join(root, 'build', 'macos', name);
/** The parts of device sim that the emulator shares. */
const SIM = ['refusals', 'numerics'].map((name) => `src/sim/${name}.cc`);
const BUNDLE = [file('round_trip'), ...sources.ane, 'src/parallel/affinity.cc'];

/** LLVM's libc++ for arm64, unpacked from Debian's packages. */
export const arm64Libraries = join(folder('arm64-libraries'), 'usr', 'lib', 'llvm-14', 'lib');

/** Where the C library for arm64 is, for QEMU. */
export const ARM64_ROOT = '/usr/aarch64-linux-gnu';

/** A bundle for x86-64 with the flags of the addon; its objects are shared with the addon's. */
export const buildRoundTrip = (toolchain) =>
  buildBundle(toolchain, 'x86_64', { name: 'round-trip.bundle', files: BUNDLE });

/**
 * The same for arm64. The libc++ that it runs over lays out its strings as on Linux, where Apple's for arm64 has the other of two
 * layouts: its objects differ from the addon's in that alone.
 */
export const buildRoundTripForArm64 = (toolchain) =>
  buildBundle(toolchain, 'arm64', {
    ...{ name: 'round-trip.bundle', files: BUNDLE, into: 'arm64-execution' },
    flags: ['-include', join(here, 'strings_as_on_linux.h')],
  });

/** A program of this system, over the libc++ whose symbols the bundle imports. */
export const buildLoader = ({ clang }) =>
  make({
    folder: folder('loader'),
    name: 'load',
    sources: LOADER,
    compile: () => [clang, '-stdlib=libc++', ...LOADER_FLAGS],
    link: (objects) => [clang, '-stdlib=libc++', ...objects],
  });

/** The same for Linux on arm64. */
export const buildLoaderForArm64 = ({ clang, libcxxHeaders }) =>
  make({
    folder: folder('loader-arm64'),
    name: 'load',
    sources: LOADER,
    compile: () => [clang, '--target=aarch64-linux-gnu', '-nostdinc++', '-isystem', libcxxHeaders, ...LOADER_FLAGS],
    link: (objects) => [
      ...[clang, '--target=aarch64-linux-gnu', '-fuse-ld=lld', '-nostdlib++', ...objects],
      ...['libc++.so.1', 'libc++abi.so.1', 'libunwind.so.1'].map((name) => join(arm64Libraries, name)),
      ...[`-Wl,-rpath,${arm64Libraries}`, '-ldl', '-pthread'],
    ],
  });

/** The emulator for Linux on arm64. */
export function buildEmulatorForArm64() {
  const emulator = createRequire(import.meta.url)('../../../packages/native/sources.cjs')('emulator');
  return make({
    folder: folder('emulator-arm64'),
    name: 'ane_emulator.so',
    sources: [...emulator.filter((name) => !name.startsWith('emulator/tiles/')), ...sources.plain, ...SIM],
    compile: () => ['aarch64-linux-gnu-g++', ...gccFlags, '-Iemulator'],
    link: (objects) => ['aarch64-linux-gnu-g++', '-shared', '-Wl,--no-undefined', ...objects, '-pthread'],
  });
}

/** Links what node-gyp built for this system. */
export const buildNative = () =>
  make({
    folder: folder('native'),
    name: 'round-trip',
    sources: ['round_trip', 'native_main'].map(file),
    compile: () => ['g++', ...gccFlags],
    link: (objects) => ['g++', ...objects, archive, '-pthread'],
    parts: [archive],
  });
