// What is published, as folders that npm packs: the packages of this repository, and one for the addon of each machine.
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { run } from '../../packages/native/checks/make.mjs';
import { fetchPackage, repository } from './fetch.mjs';

export const published = ['native', 'worker', 'core'];
export const targets = JSON.parse(readFileSync(join(repository, 'packages', 'native', 'targets.json'), 'utf8'));
const readPackage = (name) => JSON.parse(readFileSync(join(repository, 'packages', name, 'package.json'), 'utf8'));
const nameOf = (target) => `@mayfly/native-${target.name}`;

/** Writes package.json, and the license beside it. */
function writePackage(folder, contents) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(contents, undefined, 2)}\n`);
  cpSync(join(repository, 'LICENSE'), join(folder, 'LICENSE'));
}

/** Source maps are for sources that are not published: they were three fifths of a tarball, and the code is not minified. */
const isPublished = (file) => !file.endsWith('.map');

/** Takes out the last line of each file, which names its source map: bundlers and debuggers would look for it. */
function dropSourceMaps(dist) {
  for (const name of readdirSync(dist).filter((name) => /\.c?js$/.test(name))) {
    const file = join(dist, name);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?$/m, ''));
  }
}

/** A package of this repository, as it is but for what only the repository uses. The worker has its development dependencies inside dist. */
export function stagePackage(name, into) {
  const folder = join(into, name);
  rmSync(folder, { recursive: true, force: true });
  const { scripts: _, ...contents } = readPackage(name);
  const inside = name === 'worker' ? Object.keys(contents.devDependencies) : [];
  if (name === 'native') {
    // Not in the repository, whose lock file cannot have what is not published yet.
    contents.files = contents.files.map((file) => (file === 'binding.gyp' ? 'addon.gyp' : file));
    contents.optionalDependencies = Object.fromEntries(targets.map((target) => [nameOf(target), contents.version]));
  } else delete contents.devDependencies;
  writePackage(folder, contents);
  for (const part of [...readPackage(name).files, 'README.md'])
    cpSync(join(repository, 'packages', name, part), join(folder, part), { recursive: true, filter: isPublished });
  dropSourceMaps(join(folder, 'dist'));
  for (const part of inside)
    cpSync(join(repository, 'node_modules', part, 'LICENSE'), join(folder, 'dist', `LICENSE.${part}`));
  if (name === 'native') renameSync(join(folder, 'binding.gyp'), join(folder, 'addon.gyp'));
  return folder;
}

/** What has been done with an addon so far, by the beginning of its target's name. */
const tried = {
  'linux-x64': 'Tests install and run it, with glibc 2.31, too.',
  'linux-arm64': 'Tests install and run it under QEMU.',
  linuxmusl: 'Tests load it; nothing has run it yet.',
  darwin: 'No Mac has run it yet.',
};
const systemOf = { linux: 'Linux', darwin: 'macOS' };

/** The package of the addon for one machine. */
export function stageAddon(target, file, into) {
  const folder = join(into, `native-${target.name}`);
  rmSync(folder, { recursive: true, force: true });
  const { version, license, engines, keywords, publishConfig } = readPackage('native');
  const library = { glibc: ' with glibc 2.28 or later', musl: ' with musl' }[target.libc] ?? ' 12 or later';
  const machine = `${systemOf[target.os]}${library} on ${target.cpu}`;
  writePackage(folder, {
    ...{ name: nameOf(target), version, description: `The addon of @mayfly/native for ${machine}`, license },
    ...{ keywords, engines, os: [target.os], cpu: [target.cpu], ...(target.libc && { libc: [target.libc] }) },
    ...{ type: 'commonjs', main: 'mayfly.node', files: ['mayfly.node'], publishConfig },
  });
  const [, said] = Object.entries(tried).find(([name]) => target.name.startsWith(name));
  const readme = `# ${nameOf(target)}\n\nThe compiled part of [Mayfly](https://www.npmjs.com/package/@mayfly/core) for ${machine}. It comes with @mayfly/native;\nit is not meant to be installed by itself.\n\n${said}\n`;
  writeFileSync(join(folder, 'README.md'), readme);
  cpSync(file, join(folder, 'mayfly.node'));
  return folder;
}

const ZOPFLI = '@gfx/zopfli@1.0.15';

/** The same files in a twentieth fewer bytes; as they are where npm does not give the compressor. */
async function recompress(tarball) {
  const zopfli = fetchPackage(ZOPFLI);
  if (zopfli === undefined) return;
  const { gzipAsync } = createRequire(import.meta.url)(zopfli);
  writeFileSync(tarball, await gzipAsync(gunzipSync(readFileSync(tarball)), { numiterations: 5 }));
}

/** Makes the tarball of a folder; returns its path, its size and the size of its files, in bytes. */
export async function pack(folder, into) {
  mkdirSync(into, { recursive: true });
  const [{ filename, unpackedSize }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', into], { cwd: folder }),
  );
  const tarball = join(into, filename);
  await recompress(tarball);
  return { tarball, size: statSync(tarball).size, unpackedSize };
}
