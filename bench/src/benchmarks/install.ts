import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Benchmark, Figure } from '../harness/report.js';
import { target } from '../harness/report.js';
import { median } from '../harness/statistics.js';

/** From bench/dist. */
const repository = fileURLToPath(new URL('../../', import.meta.url));
const list = join(repository, 'build', 'tarballs.json');
const MIB = 2 ** 20;

interface Packed {
  readonly name: string;
  readonly tarball: string;
  readonly size: number;
  readonly unpackedSize: number;
}

/** Seconds of `npm install` of these tarballs and all that they need, in an empty folder. */
function install(tarballs: readonly string[], cache: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-install-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const began = process.hrtime.bigint();
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--cache', cache];
    execFileSync('npm', ['install', ...quiet, ...tarballs], { cwd: folder, stdio: 'pipe' });
    return Number(process.hrtime.bigint() - began) / 1e9;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const installation: Benchmark = {
  name: 'install',
  measures:
    'Sizes of what `npm run pack` made, and the time of an install with an empty and with a filled cache of npm.',
  async measure({ repetitions }) {
    const here = `native-${process.platform}-${process.arch}`;
    const packed = existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Packed[]) : [];
    const needed = packed.filter(({ name }) => [here, 'native', 'worker', 'core'].includes(name));
    if (needed.length < 4) {
      return {
        ...{ repetitions: 0, figures: [], targets: [] },
        skipped: [{ case: 'all', reason: `needs the tarball of ${here}: npm run pack` }],
      };
    }
    const plain = { isolation: 'none', placement: 'scheduler' } as const;
    const figures: Figure[] = packed.flatMap(({ tarball, size, unpackedSize }) => [
      { case: `${basename(tarball)}`, ...plain, unit: 'MiB', p50: size / MIB },
      { case: `${basename(tarball)}, unpacked`, ...plain, unit: 'MiB', p50: unpackedSize / MIB },
    ]);
    const files = needed.map(({ tarball }) => join(repository, tarball));
    const cold: number[] = [];
    const warm: number[] = [];
    for (let i = 0; i < repetitions; i++) {
      const cache = mkdtempSync(join(tmpdir(), 'mayfly-npm-'));
      cold.push(install(files, cache));
      warm.push(install(files, cache));
      rmSync(cache, { recursive: true, force: true });
    }
    figures.push({ case: 'npm install, empty cache', ...plain, unit: 's', p50: median(cold) });
    figures.push({ case: 'npm install, filled cache', ...plain, unit: 's', p50: median(warm) });
    const largest = Math.max(...packed.map(({ size }) => size));
    const targets = [
      target('largest tarball, MB', largest / 1e6, '<=', 1),
      target('install with a filled cache, s', median(warm), '<=', 10),
    ];
    return { repetitions, figures, targets, skipped: [] };
  },
};
