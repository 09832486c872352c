import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Addon } from './contract.js';
import { MayflyError } from './errors.js';

export * from './contract.js';
export * from './errors.js';

function loadAddon(): Addon {
  const file = fileURLToPath(new URL('../build/Release/mayfly.node', import.meta.url));
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MayflyError(
      'ERR_ADDON_LOAD',
      `Expected Mayfly's addon at ${file}, got: ${reason}\nBuild it with \`npm rebuild @mayfly/native\` (needs a C++17 compiler, make and python3).`,
      { cause },
    );
  }
}

/** The native addon, loaded once per thread. */
export const addon: Addon = loadAddon();
