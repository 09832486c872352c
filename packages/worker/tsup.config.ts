import { defineConfig } from 'tsup';

const shared = { target: 'node20', sourcemap: true } as const;

export default defineConfig([
  // Of older builds, chunks would be published. The other build, at the same time, writes entry.cjs.
  { ...shared, format: 'esm', entry: ['src/protocol.ts', 'src/answer.ts'], dts: true, clean: ['!entry.*'] },
  // CommonJS, in one file: of the processor time of a worker's start, Node's loader of ES modules took a tenth.
  { ...shared, format: 'cjs', entry: ['src/entry.ts'] },
]);
