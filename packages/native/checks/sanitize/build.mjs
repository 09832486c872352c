// Builds with gcc's sanitizers, each into build/SANITIZER: the addon, and programs of our own.
// An error ends the process.
import { join } from 'node:path';
import { gccFlags, nodeIncludes, root, sources } from '../binding.mjs';
import { make } from '../make.mjs';

const SANITIZERS = {
  asan: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
  tsan: ['-fsanitize=thread'],
};
function compileFor(sanitizer) {
  const readable = ['-g1', '-fno-omit-frame-pointer', '-fPIC'];
  return () => [
    ...['g++', ...gccFlags.map((flag) => (flag === '-O3' ? '-O1' : flag)), ...readable],
    ...[...SANITIZERS[sanitizer], ...nodeIncludes()],
  ];
}

export function buildAddon() {
  return make({
    folder: join(root, 'build', 'asan'),
    name: 'mayfly.node',
    sources: sources.addon,
    compile: compileFor('asan'),
    link: (objects) => ['g++', '-shared', ...SANITIZERS.asan, ...objects, '-pthread'],
  });
}

/** A program of `main` and the sources that know nothing of Node. */
export function buildProgram(sanitizer, main, name) {
  return make({
    folder: join(root, 'build', sanitizer),
    name,
    sources: [main, ...sources.plain],
    compile: compileFor(sanitizer),
    link: (objects) => ['g++', ...SANITIZERS[sanitizer], ...objects, '-pthread'],
  });
}
