import { defineConfig } from 'tsup';

const examples = [
  'main-job',
  'single-layer',
  'multi-layer',
  'stress',
  'soak',
  'bring-your-own-mil',
  'parallel-block',
  'fine-tune',
  'ranks',
];

export default defineConfig({
  entry: Object.fromEntries(examples.map((name) => [`${name}/index`, `${name}/index.ts`])),
  format: 'esm',
  target: 'node20',
  clean: true,
  sourcemap: true,
});
