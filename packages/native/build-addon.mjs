// Builds build/Release/mayfly.node with node-gyp. `--if-missing` (the install step) leaves a present build alone.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const addon = join(root, 'build', 'Release', 'mayfly.node');
if (process.argv.includes('--if-missing') && existsSync(addon)) process.exit(0);

// A Node distribution carries its own headers; with them no download is needed.
const prefix = dirname(dirname(process.execPath));
const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];

const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const configured = existsSync(join(root, 'build', 'config.gypi'));
const steps = configured ? ['build'] : ['configure', 'build'];
for (const step of steps) {
  const args = [nodeGyp, step, ...headers, '--jobs', String(availableParallelism()), '--loglevel=warn'];
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status !== 0) {
    process.stderr.write(run.stdout + run.stderr);
    process.stderr.write(
      '\n@mayfly/native: the addon could not be built. It needs a C++17 compiler, make and python3:\n' +
        '  Debian/Ubuntu: apt-get install g++ make python3     macOS: xcode-select --install\n',
    );
    process.exit(run.status ?? 1);
  }
}
