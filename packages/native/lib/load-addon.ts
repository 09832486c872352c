import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import targets from '../targets.json' with { type: 'json' };
import type { Addon } from './contract.js';
import { MayflyError } from './errors.js';
import { packageRoot } from './package-root.js';

const require = createRequire(import.meta.url);
const { platform, arch } = process;

/**
 * The files that may hold the addon, or the packages that do, in order: `MAYFLY_ADDON` and a build in this folder exclude all
 * others. Of Linux's two C libraries, installers take the package that fits; where both are there, one loads.
 */
function candidates(): readonly string[] {
  const named = process.env.MAYFLY_ADDON;
  if (named !== undefined) return [named];
  const built = fileURLToPath(new URL('build/Release/mayfly.node', packageRoot));
  if (existsSync(built)) return [built];
  return targets.filter(({ os, cpu }) => os === platform && cpu === arch).map(({ name }) => `@mayfly/native-${name}`);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const missing = 'code' in error && error.code === 'MODULE_NOT_FOUND';
  return missing ? 'it is not there' : error.message;
}

/** The native module as it is, from wherever this machine has it, and its file. Errors: `ERR_ADDON_LOAD`. */
export function loadAddon(): { readonly native: Addon; readonly file: string } {
  const tried = candidates();
  const failures: unknown[] = [];
  for (const candidate of tried) {
    try {
      return { native: require(candidate) as Addon, file: require.resolve(candidate) };
    } catch (error) {
      failures.push(error);
    }
  }
  const published = targets.map(({ name }) => name).join(', ');
  const reasons = tried.map((candidate, index) => `- ${candidate}: ${reasonOf(failures[index])}`);
  const command = `node ${JSON.stringify(fileURLToPath(new URL('build-addon.mjs', packageRoot)))}`;
  throw new MayflyError(
    'ERR_ADDON_LOAD',
    `Cannot load Mayfly's addon with Node ${process.version} on ${platform} ${arch}:\n` +
      `${reasons.length > 0 ? reasons.join('\n') : `- there are packages for ${published}`}\n` +
      `To compile it for this machine:\n  ${command}\n` +
      'This takes a C++17 compiler, make and python3 (Debian and Ubuntu: apt-get install g++ make python3; macOS: xcode-select --install)',
    { cause: failures[0] },
  );
}
