import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MayflyError } from './errors.js';

/** Whether a folder, with its trailing slash, is this package's. */
function isOurs(folder: URL): boolean {
  try {
    const { name } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { readonly name?: string };
    return name === '@mayfly/native';
  } catch {
    return false;
  }
}

function findRoot(): URL {
  // A bundler that writes CommonJS leaves no URL.
  const here = import.meta.url as string | undefined;
  const folder = here === undefined ? undefined : new URL('../', here);
  if (folder !== undefined && isOurs(folder)) return folder;
  const bundle = here?.startsWith('file:') ? fileURLToPath(here) : 'a bundle';
  throw new MayflyError(
    'ERR_BUNDLED',
    `Mayfly's packages were bundled into ${bundle}, away from their addon, worker and chips. Keep them out of the bundle and ` +
      'install them beside it: esbuild --external:@mayfly/*, or `external: [/^@mayfly\\//]` of tsup, Rollup and Vite',
  );
}

/** The folder of this package, with a trailing slash: its addon and its chips lie there. */
export const packageRoot: URL = findRoot();
