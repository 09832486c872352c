/**
 * Files of a project whose `node` is run by `command`: an emulator, or the loader of other libraries. Workers are started by the
 * path of Node, which the kernel of this machine has to be able to run.
 */
export const foreignNode = (command: readonly string[]): Readonly<Record<string, string>> => ({
  node: `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} --require "$(dirname "$0")/path.cjs" "$@"\n`,
  'path.cjs': `process.execPath = require('node:path').join(__dirname, 'node');\n`,
});
