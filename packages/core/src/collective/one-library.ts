import type { Collective } from './collective.js';

/**
 * Compares the versions of MPI of all ranks, which an installation on several machines may mix up. Every rank calls it.
 *
 * @returns A warning for people, in one line; null where the versions are the same.
 */
export async function differentVersions(collective: Collective): Promise<string | null> {
  const messages = await collective.exchange(Buffer.from(collective.library ?? ''));
  const versions = messages.map((bytes) => Buffer.from(bytes).toString());
  const other = versions.findIndex((version) => version !== versions[0]);
  if (other === -1) return null;
  return `Rank 0 has ${versions[0]}, rank ${other} ${versions[other]}: install the same version of MPI on every machine`;
}
