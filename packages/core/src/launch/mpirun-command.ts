import { availableParallelism } from 'node:os';
import type { Host } from './hostfile.js';
import type { Mpirun } from './mpi.js';

export interface MpirunOptions {
  readonly ranks: number;
  /** Empty for this machine alone. */
  readonly hosts: readonly Host[];
  /** Interface, or with Open MPI a network such as `192.168.2.0/24`, for the messages of the ranks. */
  readonly network?: string | undefined;
  /** Variables that all ranks get. */
  readonly env: Readonly<Record<string, string>>;
  /** The program of every rank. */
  readonly program: readonly string[];
}

/** Variables of the caller that other hosts must have, too. MPICH passes all on. */
const passedOn = /^(MAYFLY_|NODE_OPTIONS$|NODE_DEBUG$|XDG_CACHE_HOME$)/;

/** The command that starts the ranks, with the options that each MPI needs for processes with many threads. */
export function mpirunCommand({ mpi, path }: Mpirun, options: MpirunOptions): string[] {
  return [path, ...(mpi === 'openmpi' ? openMpiOptions(options) : mpichOptions(options)), ...options.program];
}

const hostList = (hosts: readonly Host[]): string => hosts.map(({ name, slots }) => `${name}:${slots}`).join(',');

function openMpiOptions({ ranks, hosts, network, env }: MpirunOptions): string[] {
  const isLocal = hosts.length === 0;
  const names = isLocal ? [] : Object.keys(process.env).filter((name) => passedOn.test(name) && !(name in env));
  return [
    // It refuses root otherwise.
    ...(process.getuid?.() === 0 ? ['--allow-run-as-root'] : []),
    ...['-n', `${ranks}`],
    ...(isLocal ? [] : ['--host', hostList(hosts)]),
    // Up to two ranks would get one core each, and with it all of their threads.
    ...['--bind-to', 'none'],
    // It counts cores, and may see fewer than Node.
    ...(isLocal && ranks > availableParallelism() / 2 ? ['--oversubscribe'] : []),
    ...(network === undefined ? [] : ['--mca', 'btl_tcp_if_include', network]),
    ...Object.entries(env).flatMap(([name, value]) => ['-x', `${name}=${value}`]),
    ...names.sort().flatMap((name) => ['-x', name]),
  ];
}

function mpichOptions({ ranks, hosts, network, env }: MpirunOptions): string[] {
  return [
    ...['-n', `${ranks}`],
    ...(hosts.length === 0 ? [] : ['-hosts', hostList(hosts)]),
    ...(network === undefined ? [] : ['-iface', network]),
    ...Object.entries(env).flatMap(([name, value]) => ['-genv', name, value]),
  ];
}
