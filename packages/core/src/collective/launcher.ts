import { MayflyError } from '@mayfly/native';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a launcher says to a process that it started. */
export interface Launch {
  /** The MPI whose launcher it is: no other library finds the other ranks. */
  readonly library: 'Open MPI' | 'MPICH';
  readonly rank: number;
  readonly size: number;
}

/** The launcher of this process by its environment; null if none started it. Throws `ERR_COLLECTIVE` where the environment makes no sense. */
export function findLaunch(env: Environment): Launch | null {
  const { OMPI_COMM_WORLD_SIZE, OMPI_COMM_WORLD_RANK, PMI_SIZE, PMI_RANK, HYDI_CONTROL_FD } = env;
  if (OMPI_COMM_WORLD_SIZE !== undefined)
    return read('Open MPI', 'OMPI_COMM_WORLD', OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE);
  if (PMI_SIZE !== undefined && HYDI_CONTROL_FD !== undefined) return read('MPICH', 'PMI', PMI_RANK, PMI_SIZE);
  return null;
}

/**
 * The variables by which launchers know their ranks, and MPI its settings. A process that a rank starts must not inherit them: it would
 * take itself for that rank.
 */
export const isLaunchVariable = (name: string): boolean => /^(OMPI|PMIX|PRTE|PMI|HYDI|MPI[A-Z]*)_/.test(name);

function read(library: Launch['library'], prefix: string, rankText: string | undefined, sizeText: string): Launch {
  const [rank, size] = [Number(rankText), Number(sizeText)];
  if (Number.isInteger(rank) && Number.isInteger(size) && rank >= 0 && rank < size) return { library, rank, size };
  throw new MayflyError(
    'ERR_COLLECTIVE',
    `Cannot join the other ranks: the environment of ${library}'s launcher has ${prefix}_RANK=${rankText ?? ''} and ${prefix}_SIZE=${sizeText}`,
  );
}
