import { MayflyError } from './errors.js';

/** Others that load Node's addons, by their name in `process.versions`: they lack functions of libuv, and end the process. */
const others = { bun: 'Bun', deno: 'Deno' };

for (const [key, name] of Object.entries(others)) {
  const version = process.versions[key];
  if (version === undefined) continue;
  throw new MayflyError(
    'ERR_RUNTIME',
    `Mayfly runs on Node 20 or later, not on ${name} ${version}, which lacks the functions of libuv that its addon calls. ` +
      'Run the program with node; Node 22.18 and later run TypeScript, too',
  );
}
