import { addon, isSimName, MayflyError, parseSimName } from '@mayfly/native';
import type { MilOptions } from '../mil/graph.js';
import { askAne } from './ane.js';
import { readDialect, writeDialect } from './limits.js';

/**
 * The device that a name stands for, and why. `auto` is `ane` if the machine has one, else `cpu`.
 *
 * @throws `ERR_DEVICE_UNAVAILABLE` for a named device that this machine lacks: nothing falls back silently.
 */
export function resolveDevice(wanted: string): { device: string; deviceReason: string } {
  const present = addon.deviceNames();
  if (wanted === 'auto') {
    if (present.includes('ane')) return { device: 'ane', deviceReason: 'an Apple Neural Engine is present' };
    return { device: 'cpu', deviceReason: `no Apple Neural Engine on ${process.platform}/${process.arch}` };
  }
  if (isSimName(wanted)) {
    const { profile } = parseSimName(wanted);
    return { device: wanted, deviceReason: `a simulated ${profile.title}` };
  }
  if (present.includes(wanted)) return { device: wanted, deviceReason: 'asked for' };
  const names = ['auto', ...present, 'sim:<chip>'].join(', ');
  throw new MayflyError('ERR_DEVICE_UNAVAILABLE', `Expected device to be one of ${names}, got \`${wanted}\``);
}

/**
 * The form of programs for a device: the dialect of MIL, and whether each weight tensor needs a file of its own, as on the M1 family.
 * For the Neural Engine, a canary compilation finds the dialect, once for each machine and system release.
 *
 * @throws `ERR_ANE_PROBE`
 */
export async function programForm(device: string): Promise<MilOptions> {
  if (isSimName(device)) return weightFilesOf(parseSimName(device).profile.generation === 'm1');
  if (device !== 'ane') return {};
  return { ...weightFilesOf(addon.ane.probe().chip.startsWith('h13')), dialect: await dialect() };
}

const weightFilesOf = (early: boolean): MilOptions => (early ? { weightFiles: 'per-tensor' } : {});

async function dialect(): Promise<'ios18' | 'ios16'> {
  const { MAYFLY_ANE_DIALECT: chosen } = process.env;
  if (chosen === 'ios18' || chosen === 'ios16') return chosen;
  const known = readDialect();
  if (known !== null) return known;
  const found = await askAne('dialect');
  writeDialect(found);
  return found;
}
