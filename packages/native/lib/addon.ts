import { isSimName } from './chips/sim-name.js';
import { simSettings } from './chips/sim-settings.js';
import type { Addon } from './contract.js';
import { createNativeError } from './errors.js';
import { loadAddon } from './load-addon.js';

/** The simulated devices are native; only their chip settings are computed here. */
function withSimulators(native: Addon): Addon {
  return {
    ...native,
    openDevice: (name, arena, options) =>
      typeof name === 'string' && isSimName(name)
        ? native.openDevice('sim', arena, { ...options, sim: simSettings(name, native) })
        : native.openDevice(name, arena, options),
    deviceNames: () => native.deviceNames().filter((name) => name !== 'sim'),
  };
}

const { native, file } = loadAddon();
native.setErrorFactory(createNativeError);

/** The native addon, loaded once per thread. */
export const addon: Addon = withSimulators(native);

/** The file that the addon was loaded from. */
export const addonFile: string = file;
