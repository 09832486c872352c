// Tools that are too large for every install: npm fetches them where they are needed, into node_modules/.cache/tools.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const cache = join(repository, 'node_modules', '.cache', 'tools');

/**
 * The folder of a package, `NAME@VERSION`, in a folder of its own that it may be unpacked beside. Undefined, and npm's words on
 * stderr, where it is not to be had. `force` takes a package of another processor.
 */
export function fetchPackage(spec, { force = false } = {}) {
  const folder = join(cache, spec.replaceAll('/', '+'));
  const found = join(folder, 'node_modules', spec.slice(0, spec.lastIndexOf('@')));
  if (existsSync(join(found, 'package.json'))) return found;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];
  const { status, stderr } = spawnSync('npm', [...args, ...(force ? ['--force'] : []), spec], { encoding: 'utf8' });
  if (status === 0 && existsSync(join(found, 'package.json'))) return found;
  rmSync(folder, { recursive: true, force: true });
  process.stderr.write(`npm gives no ${spec}:\n${stderr ?? 'there is no npm'}\n`);
  return undefined;
}
