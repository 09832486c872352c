import { defineConfig } from 'tsup';

const shared = { format: 'esm', target: 'node20', sourcemap: true } as const;

export default defineConfig([
  { ...shared, entry: ['src/protocol.ts'], dts: true },
  // One file: each import that a starting worker has to look up and read makes its start longer.
  { ...shared, entry: ['src/entry.ts'], noExternal: ['msgpackr'] },
]);
