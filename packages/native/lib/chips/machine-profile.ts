import { cpus } from 'node:os';
import type { ChipProfile } from './chip-profile.js';
import { chipNames, loadProfile } from './load-profile.js';

/** The profile of this machine's chip, by the name that the system gives its processor; null for a chip that has none. */
export function machineProfile(processor: string = cpus()[0]?.model ?? ''): ChipProfile | null {
  return (
    chipNames()
      .map(loadProfile)
      .find(({ title }) => title === processor) ?? null
  );
}
