// Builds the fuzz targets: with clang's libFuzzer and sanitizers into build/fuzz, or over the addon's own archive, to run the
// corpus with the compiler that built them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { archive, gccFlags, root, sources } from '../binding.mjs';
import { make, run } from '../make.mjs';

export const PACKAGES = 'clang libclang-rt-14-dev';
export const here = dirname(fileURLToPath(import.meta.url));
export const TARGETS = readdirSync(here).flatMap((name) => name.match(/^(\w+)_target\.cc$/)?.[1] ?? []);
const sourceOf = (target) => `checks/fuzz/${target}_target.cc`;

/** Unpacks the inputs of a target, kept in `corpus/TARGET.tar`, into `build/USER/corpus/TARGET`, and returns that folder. */
export function unpackCorpus(target, user) {
  const folder = join(root, 'build', user, 'corpus', target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run('tar', ['-xf', join(here, 'corpus', `${target}.tar`), '-C', folder]);
  return folder;
}

/** Whether clang can link libFuzzer here. */
export function hasFuzzer() {
  const library = spawnSync('clang++', ['-print-file-name=libclang_rt.fuzzer-x86_64.a'], { encoding: 'utf8' });
  const found = spawnSync('clang++', ['-print-runtime-dir'], { encoding: 'utf8' }).stdout?.trim();
  return library.status === 0 && [library.stdout.trim(), join(found, 'libclang_rt.fuzzer-x86_64.a')].some(existsSync);
}

export function buildFuzzer(target) {
  const sanitize = ['-fno-sanitize-recover=all', '-g1', '-fno-omit-frame-pointer'];
  return make({
    folder: join(root, 'build', 'fuzz'),
    name: target,
    sources: [sourceOf(target), ...sources.plain],
    compile: () => {
      const flags = gccFlags.map((flag) => (flag === '-O3' ? '-O1' : flag));
      return ['clang++', ...flags, '-Wno-error', '-w', ...sanitize, '-fsanitize=fuzzer-no-link,address,undefined'];
    },
    link: (objects) => ['clang++', '-fsanitize=fuzzer,address,undefined', ...objects, '-pthread'],
  });
}

export function buildReplay(target) {
  return make({
    folder: join(root, 'build', 'replay', target),
    name: target,
    sources: [sourceOf(target), 'checks/fuzz/replay_main.cc'],
    compile: () => ['g++', ...gccFlags],
    link: (objects) => ['g++', ...objects, archive, '-pthread'],
    parts: [archive],
  });
}
