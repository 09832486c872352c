// Builds build/Release/libane_gnustep.so: the emulated classes in Objective-C over GCC's runtime and GNUstep's Foundation,
// and the engine of the emulator in C++. Run build-addon.mjs first. Needs: apt-get install gobjc libgnustep-base-dev
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const release = join(here, '..', '..', 'build', 'Release');
const objects = join(release, 'obj.target', 'ane_gnustep');

function run(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status === 0) return done.stdout.trim();
  const reason =
    done.error?.code === 'ENOENT' ? `no ${command}: apt-get install gobjc libgnustep-base-dev` : done.stderr;
  process.stderr.write(`ane_gnustep could not be built: ${reason}\n`);
  process.exit(1);
}

const flags = run('gnustep-config', ['--objc-flags']).split(/\s+/);
const libraries = run('gnustep-config', ['--base-libs']).split(/\s+/);
mkdirSync(objects, { recursive: true });

const compiled = readdirSync(here)
  .filter((name) => name.endsWith('.m'))
  .map((name) => {
    const object = join(objects, name.replace(/\.m$/, '.o'));
    const warnings = ['-Wall', '-Werror', '-Wno-import'];
    const wanted = flags.filter((flag) => !/^-(MMD|MP|W|g$)/.test(flag));
    run('gcc', [
      ...wanted,
      ...warnings,
      '-std=gnu11',
      '-O2',
      '-fPIC',
      '-I',
      join(here, '..'),
      '-c',
      join(here, name),
      '-o',
      object,
    ]);
    return object;
  });
const engine = join(release, 'obj.target', 'ane_emulator', 'emulator');
const engineObjects = readdirSync(engine)
  .filter((name) => name.endsWith('.o'))
  .map((name) => join(engine, name));
const output = join(release, 'libane_gnustep.so');
run('g++', [
  '-shared',
  '-o',
  output,
  ...compiled,
  ...engineObjects,
  join(release, 'mayfly_base.a'),
  ...libraries,
  '-ldl',
]);
process.stdout.write(`${output}\n`);
