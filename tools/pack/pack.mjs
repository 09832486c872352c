// `npm run pack`: tarballs of all that is published, in build/tarballs; of macOS, which this machine cannot build as Apple does,
// in build/unpublishable. Exits with 1 where a tarball is not as it should be, with 69 where none of this machine could be made.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { crossBuild } from '../macos-without-a-mac/cross-build.mjs';
import { findToolchain, PACKAGES } from '../macos-without-a-mac/toolchain.mjs';
import { buildForGlibc } from './build-glibc.mjs';
import { buildForMusl } from './build-musl.mjs';
import { repository } from './fetch.mjs';
import { pack, published, stageAddon, stagePackage, targets } from './stage.mjs';

const help = `npm run pack [-- TARGET…]

Packs @mayfly/native, worker and core, and the addon for TARGET, one or more of
${targets.map(({ name }) => name).join(', ')}. Without a target, for all.
--addon FILE packs FILE as the addon of the one TARGET, which was built on such a machine.
`;
/** Of a tarball with an addon: an install takes seconds. */
const LARGEST = 1_000_000;
const build = join(repository, 'build');
const staged = join(build, 'packages');

function buildAddon({ name, os, cpu, libc }) {
  const folder = join(build, 'pack', name);
  if (libc === 'glibc') return buildForGlibc(cpu, folder);
  if (libc === 'musl') return buildForMusl(cpu, folder);
  const toolchain = findToolchain();
  if (toolchain === undefined) return { reason: `needs apt-get install ${PACKAGES}` };
  return { file: crossBuild(toolchain, cpu === 'x64' ? 'x86_64' : cpu), unpublishable: os === 'darwin' };
}

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(help);
  process.exit();
}
const at = args.indexOf('--addon');
const [, given] = at < 0 ? [] : args.splice(at, 2);
const unknown = args.find((name) => !targets.some((target) => target.name === name));
if (unknown !== undefined || (at >= 0 && (given === undefined || args.length !== 1))) {
  process.stderr.write(
    `${unknown === undefined ? 'Expected --addon FILE and one target' : `Expected a target, got ${unknown}`}\n\n${help}`,
  );
  process.exit(2);
}

const tarballs = join(build, 'tarballs');
const unpublishable = join(build, 'unpublishable');
for (const folder of [tarballs, unpublishable]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
const faults = [];
const report = [];
function add(name, { tarball, size, unpackedSize }, limit) {
  report.push({ name, tarball: relative(repository, tarball), size, unpackedSize });
  const kilobytes = (bytes) => `${Math.ceil(bytes / 1000).toLocaleString('en-US')} kB`;
  console.log(
    `${name.padEnd(24)} ${kilobytes(size).padStart(9)} packed ${kilobytes(unpackedSize).padStart(10)} unpacked`,
  );
  if (size > limit) faults.push(`${name}: Expected a tarball of at most ${limit} bytes, got ${size}`);
}

for (const name of published) add(name, await pack(stagePackage(name, staged), tarballs), LARGEST);
for (const target of targets) {
  if (args.length > 0 && !args.includes(target.name)) continue;
  const { file, reason, unpublishable: apart } = given === undefined ? buildAddon(target) : { file: given };
  if (file === undefined) console.log(`skipping the addon for ${target.name}: ${reason}`);
  else {
    const packed = await pack(stageAddon(target, file, staged), apart ? unpublishable : tarballs);
    add(`native-${target.name}`, packed, LARGEST);
  }
}
writeFileSync(join(build, 'tarballs.json'), `${JSON.stringify(report, undefined, 2)}\n`);
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
if (!report.some(({ name }) => name === `native-${process.platform}-${process.arch}`) && args.length === 0)
  process.exit(69);
