import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { emulators } from '../fixtures/ane-emulator.js';

/** A device that the contract is run over, in processes with its environment. */
export interface ContractDevice {
  readonly name: string;
  /** As `openDevice` takes it. */
  readonly device: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What has to be installed for it; undefined where it is there. */
  readonly needs?: string | undefined;
}

const unlimited = fileURLToPath(new URL('../fixtures/unlimited-chip.json', import.meta.url));

/** The devices that every case of the contract is run over: a vitest project each. */
export const contractDevices: readonly ContractDevice[] = [
  { name: 'cpu', device: 'cpu' },
  // Its rules refuse much of what the cases ask for; contract/sim.test.ts is about those, and about limits.
  { name: 'sim', device: `sim:${unlimited},no-rules` },
  ...emulators.map(({ tier, path, needs }) => ({
    name: `ane-${tier}`,
    device: 'ane',
    // More programs than one process may compile; process/ane/device.test.ts is about the limit.
    env: { MAYFLY_ANE_RUNTIME: path, MAYFLY_EMULATOR_COMPILE_LIMIT: '0' },
    needs: existsSync(path) ? undefined : needs,
  })),
];
