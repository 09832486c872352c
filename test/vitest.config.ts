import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { contractDevices } from './contract/devices.js';

// Folders say what a test needs: unit nothing, contract a table of cases run over every device, process real child
// processes, golden the numbers of published checkpoints, repository the sources. All run against the built packages.
const table = 'contract/{device,ops,kernels,kernels-*}.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    // What pools learn about this machine must not reach its user.
    env: { XDG_CACHE_HOME: join(tmpdir(), `mayfly-tests-${process.pid}`) },
    maxWorkers: 2,
    // Node imports the built packages itself, which takes a fraction of the time.
    server: { deps: { external: [/\/packages\/\w+\/dist\//] } },
    // A limit on the whole suite is what ends a test that hangs: a loaded machine takes minutes for one that builds.
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    expect: { poll: { timeout: 120_000 } },
    projects: [
      {
        extends: true,
        test: { name: 'mayfly', include: ['{unit,contract,process,golden,repository}/**/*.test.ts'], exclude: [table] },
      },
      ...contractDevices.map(({ name, env, only }) => ({
        extends: true as const,
        test: {
          name,
          include: [only === undefined ? table : `contract/${only}.test.ts`],
          env: { MAYFLY_CONTRACT_DEVICE: name, ...env },
        },
      })),
    ],
  },
});
