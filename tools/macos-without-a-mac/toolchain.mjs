// Clang, lld, LLVM's binary tools and libc++'s headers, as Debian packages them: what it takes to build for macOS elsewhere.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const PACKAGES = 'clang lld llvm libc++-dev libc++abi-dev';

/** The folders and commands of one LLVM; undefined where a part of it is missing. */
export function findToolchain() {
  const resources = spawnSync('clang++', ['-print-resource-dir'], { encoding: 'utf8' });
  if (resources.status !== 0) return undefined;
  const resourceHeaders = join(resources.stdout.trim(), 'include');
  const prefix = join(resources.stdout.trim(), '..', '..', '..');
  const tool = (name) => join(prefix, 'bin', name);
  const toolchain = {
    clang: tool('clang++'),
    link: tool('ld64.lld'),
    nm: tool('llvm-nm'),
    objdump: tool('llvm-objdump'),
    resourceHeaders,
    libcxxHeaders: join(prefix, 'include', 'c++', 'v1'),
    libcxx: ['libc++.so.1', 'libc++abi.so.1'].map((name) => join(prefix, 'lib', name)),
  };
  return Object.values(toolchain).flat().every(existsSync) ? toolchain : undefined;
}
