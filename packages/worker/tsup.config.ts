import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/protocol.ts', 'src/entry.ts'],
  format: 'esm',
  target: 'node20',
  dts: { entry: 'src/protocol.ts' },
  clean: true,
  sourcemap: true,
});
