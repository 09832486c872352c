// What executing code for macOS takes: a bundle of device ane, a loader for it, and the same functions for Linux.
import { join } from 'node:path';
import { archive, gccFlags, root, sources } from '../../../packages/native/checks/binding.mjs';
import { make } from '../../../packages/native/checks/make.mjs';
import { buildBundle } from '../cross-build.mjs';

const file = (name) => `../../tools/macos-without-a-mac/execution/${name}.cc`;
const LOADER = ['fixups', 'compact_unwind', 'register_unwinding', 'mach_image', 'darwin_c', 'load_main'];
const folder = (name) => join(root, 'build', 'macos', name);

/** A Mach-O bundle for x86-64 with the flags of the addon; its objects are shared with the addon's. */
export const buildRoundTrip = (toolchain) =>
  buildBundle(toolchain, 'x86_64', 'round-trip.bundle', [file('round_trip'), ...sources.ane]);

/** A program of this system, over the libc++ whose symbols the bundle imports. */
export const buildLoader = ({ clang }) =>
  make({
    folder: folder('loader'),
    name: 'load',
    sources: LOADER.map(file),
    compile: () => [clang, '-std=c++17', '-stdlib=libc++', '-O1', '-Wall', '-Wextra', '-Werror'],
    link: (objects) => [clang, '-stdlib=libc++', ...objects],
  });

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
