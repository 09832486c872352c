import { availableParallelism, cpus } from 'node:os';
import { bag, text, whole } from '../check.js';
import { deadline } from './check-call.js';
import type { Collective } from './collective.js';
import { findLaunch, type Launch } from './launcher.js';
import { MpiGroup } from './mpi-group.js';
import { SingleGroup } from './single-group.js';

/** Options of `openCollective`; all ranks give the same. */
export interface OpenCollectiveOptions {
  /** Milliseconds until an operation fails that other ranks do not take part in; Infinity for none. Default: 600,000. */
  readonly timeoutMs?: number | undefined;
  /** The same for opening the group, until all ranks have done so: a machine may start late. Default: 600,000. */
  readonly joinTimeoutMs?: number | undefined;
  /**
   * Bytes that are exchanged and summed at once, up to 2³⁰; each rank needs four times as much memory beside the arena. Default: 4 MiB.
   */
  readonly sliceBytes?: number | undefined;
  /** The file of MPI's library. Default: the environment variable `MAYFLY_MPI`, or else the library of the launcher, where the system finds it. */
  readonly library?: string | undefined;
}

const rules = { timeoutMs: deadline, joinTimeoutMs: deadline, sliceBytes: whole(64, 2 ** 30), library: text };

/**
 * Joins the group of ranks that a launcher started, such as `mpirun -n 4 node train.mjs`: Open MPI's or MPICH's, which are known by their
 * environment. Without one, the group has size 1. A process opens one group of several ranks in its life.
 *
 * @throws `ERR_INVALID_ARGUMENT`; `ERR_COLLECTIVE` if the launcher's library cannot be loaded, finds other ranks than the launcher started, or
 * not all ranks open the group before the deadline.
 */
export async function openCollective(options: OpenCollectiveOptions = {}): Promise<Collective> {
  const checked = bag('openCollective', rules, options);
  const launch = findLaunch(process.env);
  if (launch === null || launch.size === 1) return new SingleGroup();
  const {
    timeoutMs = 600_000,
    joinTimeoutMs = 600_000,
    sliceBytes = 2 ** 22,
    library = process.env.MAYFLY_MPI,
  } = checked;
  warnOfBinding(launch);
  // UCX, by which MPICH moves data, would take SIGSEGV, by which WebAssembly notices accesses out of bounds, and watch the memory of V8.
  process.env.UCX_ERROR_SIGNALS ??= '';
  process.env.UCX_MEM_EVENTS ??= 'n';
  const files = library === undefined || library === '' ? libraryFiles(launch) : [library];
  return MpiGroup.open({ launch, files, timeoutMs, joinTimeoutMs, sliceBytes });
}

/** The names by which the system, or Homebrew on a Mac, finds the launcher's library. Plain `libmpi.so` may be the other one. */
function libraryFiles({ library }: Launch): string[] {
  if (process.platform !== 'darwin')
    return library === 'Open MPI' ? ['libmpi.so.40'] : ['libmpich.so.12', 'libmpi.so.12'];
  const name = library === 'Open MPI' ? 'libmpi.40.dylib' : 'libmpi.12.dylib';
  return [name, `/opt/homebrew/lib/${name}`, `/usr/local/lib/${name}`];
}

/** Open MPI binds each of one or two ranks to one core, on which all threads of the rank then share their time. */
function warnOfBinding({ library }: Launch): void {
  const [allowed, all] = [availableParallelism(), cpus().length];
  if (library !== 'Open MPI' || allowed > 1 || all === 1) return;
  process.emitWarning(
    `This rank may use 1 of ${all} processors, since mpirun binds it. Start with mpirun --bind-to none to give it all`,
    { type: 'MayflyWarning', code: 'MAYFLY_MPI_BINDING' },
  );
}
