import { MayflyError } from './errors.js';

const withoutLibuv =
  'which lacks the functions of libuv that its addon calls. Run the program with node; Node 22.18 and later run TypeScript, too';

/** Others that load Node's addons, by their name in `process.versions`: what they lack would end the process. */
const others = [
  { key: 'bun', name: 'Bun', lack: withoutLibuv },
  { key: 'deno', name: 'Deno', lack: withoutLibuv },
  {
    key: 'electron',
    name: 'Electron',
    lack:
      'whose V8 has no ArrayBuffer over memory that processes share. Start a process of Node for it, as by ' +
      "child_process.fork(file, { execPath: 'node' })",
  },
];

for (const { key, name, lack } of others) {
  const version = process.versions[key];
  if (version === undefined) continue;
  throw new MayflyError('ERR_RUNTIME', `Mayfly runs on Node 20 or later, not on ${name} ${version}, ${lack}`);
}
