import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../tools/pack/fetch.mjs';

const ARCHIVE = 'http://deb.debian.org/debian';

/**
 * The files of packages of another release or machine (`amd64`, `arm64`), unpacked into a folder and not installed; undefined, and
 * apt's words on stderr, where they are not to be had.
 */
export function unpackDebian(suite: string, machine: string, packages: readonly string[]): string | undefined {
  const folder = join(repository, 'node_modules', '.cache', 'debian', `${suite}-${machine}-${packages.join('-')}`);
  const root = join(folder, 'root');
  if (existsSync(root)) return root;
  for (const part of ['lists/partial', 'archives/partial', 'empty']) mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(join(folder, 'sources.list'), `deb [arch=${machine}] ${ARCHIVE} ${suite} main\n`);
  writeFileSync(join(folder, 'status'), '');
  const options = {
    ...{ 'Dir::Etc::SourceList': join(folder, 'sources.list'), 'Dir::Etc::SourceParts': join(folder, 'empty') },
    ...{ 'Dir::State::Lists': join(folder, 'lists'), 'Dir::State::Status': join(folder, 'status') },
    ...{ 'Dir::Cache': folder, 'APT::Architecture': machine, 'APT::Architectures': machine },
    ...{ 'APT::Sandbox::User': 'root', 'Acquire::Languages': 'none' },
  };
  const apt = (...args: string[]): boolean => {
    const set = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
    const { status, stderr } = spawnSync('apt-get', [...set, ...args], { cwd: folder, encoding: 'utf8' });
    if (status !== 0) process.stderr.write(`apt-get gives no ${packages.join(', ')} of ${suite}:\n${stderr}\n`);
    return status === 0;
  };
  const given = apt('update') && apt('download', ...packages);
  const unpacked = readdirSync(folder)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => spawnSync('dpkg-deb', ['--extract', join(folder, name), root]).status === 0);
  if (given && unpacked.length === packages.length && unpacked.every(Boolean)) return root;
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}
