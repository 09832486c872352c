// Cross-compiles the addon for macOS: Xcode's flags, Node's headers, LLVM's libc++, and sdk/ in place of Apple's headers.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deploymentTarget, nodeIncludes, root, sources, xcodeFlags } from '../../packages/native/checks/binding.mjs';
import { make, run } from '../../packages/native/checks/make.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** For `arm64` or `x86_64`; to be run in packages/native. */
export function compilerFlags(toolchain, arch) {
  return [
    ...[`--target=${arch}-apple-macos${deploymentTarget}`, ...xcodeFlags, '-nostdinc', '-nostdinc++'],
    ...['-isystem', toolchain.libcxxHeaders, '-isystem', toolchain.resourceHeaders, '-isystem', join(here, 'sdk')],
    ...nodeIncludes(),
  ];
}

/** A stub of macOS's libc++ with the symbols of LLVM's: the same library under the same names. */
function writeLibcxxStub({ nm, libcxx }, folder) {
  const symbols = libcxx.flatMap((file) =>
    [...run(nm, ['--dynamic', '--defined-only', '--just-symbol-name', file]).matchAll(/^_Z\S+|^__(cxa|gxx)\S+/gm)].map(
      ([name]) => `'_${name.split('@')[0]}'`,
    ),
  );
  const stub = join(folder, 'libc++.tbd');
  const targets = '[ x86_64-macos, arm64-macos ]';
  const text = `--- !tapi-tbd
tbd-version: 4
targets: ${targets}
install-name: '/usr/lib/libc++.1.dylib'
exports:
  - targets: ${targets}
    symbols: [ ${symbols.join(',\n      ')} ]
...
`;
  mkdirSync(folder, { recursive: true });
  if (!existsSync(stub) || readFileSync(stub, 'utf8') !== text) writeFileSync(stub, text);
  return stub;
}

/** Builds the bundle `build/macos/INTO/NAME` for `arm64` or `x86_64` and gives its path. What is up to date stays. */
export function buildBundle(toolchain, arch, { name, files, flags = [], into = arch }) {
  const folder = join(root, 'build', 'macos', into);
  const stubs = [join(here, 'libSystem.tbd'), writeLibcxxStub(toolchain, folder)];
  const platform = ['-platform_version', 'macos', deploymentTarget, deploymentTarget];
  return make({
    folder,
    name,
    sources: files,
    compile: () => [toolchain.clang, ...compilerFlags(toolchain, arch), ...flags],
    link: (objects) => [
      ...[toolchain.link, '-arch', arch, ...platform, '-bundle', '-undefined', 'dynamic_lookup', '-dead_strip'],
      ...[...objects, ...stubs],
    ],
    parts: stubs,
  });
}

/** The whole addon. */
export const crossBuild = (toolchain, arch) =>
  buildBundle(toolchain, arch, { name: 'mayfly.node', files: sources.addon });
