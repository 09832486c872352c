import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['lib/index.ts'],
  // CommonJS for workers, and its shim for where this file lies.
  format: ['esm', 'cjs'],
  shims: true,
  target: 'node20',
  dts: true,
  clean: true,
  sourcemap: true,
});
