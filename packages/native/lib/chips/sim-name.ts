import { MayflyError } from '../errors.js';
import type { ChipProfile } from './chip-profile.js';
import { loadProfile } from './load-profile.js';

/** The parsed name `sim:<chip>[,<option>…]`. */
export interface SimName {
  readonly profile: ChipProfile;
  /** Arithmetic saturates as the engine's does. */
  readonly numerics: boolean;
  /** Times are the chip's. */
  readonly clock: boolean;
  /** Pools start and compile no faster than is good for the chip's services. */
  readonly pacing: boolean;
  /** Programs that the chip would refuse are refused, or give wrong data. */
  readonly rules: boolean;
}

const options = ['numerics', 'clock', 'pacing', 'no-rules'] as const;

export const isSimName = (device: string): boolean => device.startsWith('sim:');

/** Reads a device's name. Errors: `ERR_DEVICE_UNAVAILABLE`, and those of `loadProfile`. */
export function parseSimName(device: string): SimName {
  const [chip = '', ...given] = device.slice('sim:'.length).split(',');
  const unknown = given.find((option) => !options.some((known) => known === option));
  if (unknown !== undefined) {
    throw new MayflyError(
      'ERR_DEVICE_UNAVAILABLE',
      `Expected options of \`${device}\` among ${options.join(', ')}, got \`${unknown}\``,
    );
  }
  return {
    profile: loadProfile(chip),
    numerics: given.includes('numerics'),
    clock: given.includes('clock'),
    pacing: given.includes('pacing'),
    rules: !given.includes('no-rules'),
  };
}
