// Builds the arm64 vector loops and the cpu device for Linux with Debian's cross compiler, to be run by QEMU: build/arm64/loops;
// and the same program for this processor: build/loops/loops. Needs the addon built.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { archive, gccFlags, root, sources } from '../binding.mjs';
import { make } from '../make.mjs';

export const PACKAGES = 'g++-aarch64-linux-gnu qemu-user';
export const LOOPS = 'checks/arm64/loops_main.cc';
const link = (compiler) => (objects) => [compiler, '-static', ...objects, '-pthread'];

/** Whether a command is there. */
export const has = (command) => spawnSync(command, ['--version']).status === 0;

export function buildForArm64() {
  const compiler = 'aarch64-linux-gnu-g++';
  return make({
    folder: join(root, 'build', 'arm64'),
    name: 'loops',
    sources: [LOOPS, ...sources.plain],
    compile: () => [compiler, ...gccFlags],
    link: link(compiler),
  });
}

export function buildForThisProcessor() {
  return make({
    folder: join(root, 'build', 'loops'),
    name: 'loops',
    sources: [LOOPS],
    compile: () => ['g++', ...gccFlags],
    link: (objects) => [...link('g++')(objects), archive],
    parts: [archive],
  });
}
