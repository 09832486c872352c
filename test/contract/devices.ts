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
  /** The one file of the table that is run over it. Default: all. */
  readonly only?: string;
}

const unlimited = fileURLToPath(new URL('../fixtures/unlimited-chip.json', import.meta.url));

/** The devices that every case of the contract is run over: a vitest project each. */
export const contractDevices: readonly ContractDevice[] = [
  { name: 'cpu', device: 'cpu' },
  // Its rules refuse much of what the cases ask for; contract/sim.test.ts is about those, and about limits.
  { name: 'sim', device: `sim:${unlimited},no-rules` },
  ...emulators.flatMap(({ tier, path, needs }) => {
    // More programs than one process may compile; process/ane/device.test.ts is about the limit.
    const env = { MAYFLY_ANE_RUNTIME: path, MAYFLY_EMULATOR_COMPILE_LIMIT: '0' };
    const common = { device: 'ane', needs: existsSync(path) ? undefined : needs };
    // What a program computes does not depend on the API that compiled it.
    const client = { name: `ane-${tier}-client`, env: { ...env, MAYFLY_ANE_API: 'client' }, only: 'device' };
    return [
      { ...common, name: `ane-${tier}`, env },
      { ...common, ...client },
    ];
  }),
];
