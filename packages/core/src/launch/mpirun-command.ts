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
export function mpirunCommand({ mpi, version, path }: Mpirun, options: MpirunOptions): string[] {
  const words = mpi === 'openmpi' ? openMpiOptions(options, version) : mpichOptions(options);
  return [path, ...words, ...options.program];
}

const hostList = (hosts: readonly Host[]): string => hosts.map(({ name, slots }) => `${name}:${slots}`).join(',');

/** Open MPI would call `mac-1.local` by `mac-1`, under which a Mac is not found. The setting has another name since version 5. */
const wholeNames = (version: string): string[] =>
  Number.parseInt(version, 10) < 5
    ? ['--mca', 'orte_keep_fqdn_hostnames', '1']
    : ['--prtemca', 'prte_keep_fqdn_hostnames', '1'];

const hasDomain = ({ name }: Host): boolean => /\.\D/.test(name);

function openMpiOptions({ ranks, hosts, network, env }: MpirunOptions, version: string): string[] {
  const isLocal = hosts.length === 0;
  const names = isLocal ? [] : Object.keys(process.env).filter((name) => passedOn.test(name) && !(name in env));
  return [
    // It refuses root otherwise.
    ...(process.getuid?.() === 0 ? ['--allow-run-as-root'] : []),
    ...['-n', `${ranks}`],
    ...(isLocal ? [] : ['--host', hostList(hosts)]),
    ...(hosts.some(hasDomain) ? wholeNames(version) : []),
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
