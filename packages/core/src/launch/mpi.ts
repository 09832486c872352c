import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { MayflyError } from '@mayfly/native';

/** Implementations of MPI, by the launcher that they come with. */
export const mpiNames = ['openmpi', 'mpich'] as const;
export type MpiName = (typeof mpiNames)[number];

/** An installed launcher. */
export interface Mpirun {
  readonly mpi: MpiName;
  /** Such as `4.1.4`; empty where the launcher does not say. */
  readonly version: string;
  /** Absolute: Open MPI then finds itself on the other hosts under the same prefix. */
  readonly path: string;
}

export const mpiTitles: Readonly<Record<MpiName, string>> = { openmpi: 'Open MPI', mpich: 'MPICH' };

/** The names of launchers, as packages install them. Debian has both MPIs side by side. */
const launchers = ['mpirun', 'mpiexec', 'mpirun.openmpi', 'mpirun.mpich', 'mpiexec.hydra'];

/**
 * Finds the launcher of an installed MPI on the path, and tells whose it is by its version.
 *
 * @param wanted Default: the MPI of the first that is found.
 * @throws `ERR_MPI` where there is none.
 */
export async function findMpirun(wanted?: MpiName): Promise<Mpirun> {
  const others = new Set<string>();
  for (const path of candidates()) {
    const found = await identify(path);
    if (found !== null && (wanted ?? found.mpi) === found.mpi) return found;
    others.add(found === null ? path : `${path} of ${mpiTitles[found.mpi]}`);
  }
  const packages =
    process.platform === 'darwin'
      ? { openmpi: 'brew install open-mpi', mpich: 'brew install mpich' }
      : { openmpi: 'apt-get install openmpi-bin', mpich: 'apt-get install mpich' };
  const missing = wanted === undefined ? 'of Open MPI or MPICH ' : `of ${mpiTitles[wanted]} `;
  const seen = others.size === 0 ? '' : `, only ${[...others].join(', ')}`;
  throw new MayflyError(
    'ERR_MPI',
    `Found no mpirun ${missing}on the path${seen}. Install one: ${packages[wanted ?? 'openmpi']}`,
  );
}

/** Files on the path by the names of launchers, each once: `mpirun` often leads to `mpirun.openmpi`. */
function* candidates(): Generator<string> {
  const seen = new Set<string>();
  for (const name of launchers) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        const real = realpathSync(path);
        if (!seen.has(real)) yield path;
        seen.add(real);
      } catch {
        // Not in this folder.
      }
    }
  }
}

async function identify(path: string): Promise<Mpirun | null> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 30_000 });
    const open = /Open MPI\)? *v?([\d.]*)/.exec(stdout);
    if (open !== null) return { mpi: 'openmpi', version: open[1]!, path };
    if (/HYDRA build details/.test(stdout)) {
      return { mpi: 'mpich', version: /Version: *([\w.]+)/.exec(stdout)?.[1] ?? '', path };
    }
  } catch {
    // Not a launcher that answers.
  }
  return null;
}
