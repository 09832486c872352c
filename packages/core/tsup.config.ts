import { cp } from 'node:fs/promises';
import { defineConfig } from 'tsup';

/** What users import. Code that several entries share is in chunks, so that there is one of each class. */
const entries = {
  index: 'src/index.ts',
  ...Object.fromEntries(
    ['mil', 'chips', 'model', 'observe', 'checkpoint', 'watch'].map((folder) => [folder, `src/${folder}/index.ts`]),
  ),
  opentelemetry: 'src/observe/opentelemetry.ts',
  layers: 'src/layers.ts',
  testing: 'src/testing.ts',
};

export default defineConfig({
  entry: {
    ...entries,
    cli: 'src/cli/main.ts',
    'launch-rank': 'src/launch/rank.ts',
    'tokenize-thread': 'src/data/tokenize-thread.ts',
  },
  format: 'esm',
  target: 'node20',
  dts: { entry: entries },
  clean: true,
  sourcemap: true,
  // What the page of `mayfly watch` loads.
  onSuccess: () => cp('../page/dist', 'dist/page', { recursive: true }),
});
