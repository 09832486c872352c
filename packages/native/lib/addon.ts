import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isSimName } from './chips/sim-name.js';
import { simSettings } from './chips/sim-settings.js';
import type { Addon } from './contract.js';
import { createNativeError, MayflyError } from './errors.js';

function loadAddon(): Addon {
  const file = process.env.MAYFLY_ADDON ?? fileURLToPath(new URL('../build/Release/mayfly.node', import.meta.url));
  try {
    const loaded = createRequire(import.meta.url)(file) as Addon;
    loaded.setErrorFactory(createNativeError);
    return withSimulators(loaded);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MayflyError(
      'ERR_ADDON_LOAD',
      `Expected Mayfly's addon at ${file}, got: ${reason}\n` +
        `Node ${process.version} on ${process.platform} ${process.arch}. Possible solutions:\n` +
        '- build it: npm rebuild @mayfly/native --foreground-scripts\n' +
        '- that needs a C++17 compiler, make and python3 (Debian and Ubuntu: apt-get install g++ make python3; macOS: xcode-select --install)\n' +
        '- after a change of Node version or of machine, delete packages/native/build (or node_modules) first',
      { cause },
    );
  }
}

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

/** The native addon, loaded once per thread. */
export const addon: Addon = loadAddon();
