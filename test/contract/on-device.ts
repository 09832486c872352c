import { describe, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder.js';
import { contractDevices } from './devices.js';

/** Declares tests of the device that this process is for; where it cannot be had, one that is skipped and says why. */
export function onDevice(declare: (deviceName: string) => void): void {
  const name = process.env.MAYFLY_CONTRACT_DEVICE ?? 'cpu';
  const found = contractDevices.find((each) => each.name === name);
  if (found === undefined) throw new Error(`Expected a device of contract/devices.ts, got ${name}`);
  if (found.needs !== undefined) {
    test.skip(`${name} (needs ${found.needs})`, () => {});
    return;
  }
  process.env.MAYFLY_EMULATOR_TEMPORARY = temporaryFolder();
  describe(name, () => declare(found.device));
}
