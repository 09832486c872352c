import { readFileSync } from 'node:fs';
import { defineConfig } from 'tsup';

const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const external = Object.keys({ ...dependencies, ...devDependencies });

// Each contender runs in a process of its own, and each peer wants its worker as a file.
const shared = { target: 'node20', external } as const;
const workers = (...names: string[]) => Object.fromEntries(names.map((name) => [name, `src/workers/${name}.ts`]));

export default defineConfig([
  {
    ...shared,
    format: 'esm',
    entry: {
      run: 'src/run.ts',
      contend: 'src/scripts/contend.ts',
      'retire-run': 'src/scripts/retire-run.ts',
      'train-once': 'src/scripts/train-once.ts',
      'isolation-run': 'src/scripts/isolation-run.ts',
      'rotation-run': 'src/scripts/rotation-run.ts',
      'gemm-run': 'src/scripts/gemm-run.ts',
      'adamw-run': 'src/scripts/adamw-run.ts',
      'step-run': 'src/scripts/step-run.ts',
      'generate-run': 'src/scripts/generate-run.ts',
      'llama-cpp-run': 'src/scripts/llama-cpp-run.ts',
      'collective-run': 'src/scripts/collective-run.ts',
      'ranks-run': 'src/scripts/ranks-run.ts',
      'spawn-stall': 'src/scripts/spawn-stall.ts',
      'observe-run': 'src/scripts/observe-run.ts',
      'observe-client': 'src/scripts/observe-client.ts',
      'dispatch-many': 'src/scripts/dispatch-many.ts',
      'recovery-run': 'src/scripts/recovery-run.ts',
      ...workers('echo-atomics', 'echo-fork', 'echo-function', 'echo-workerpool'),
    },
  },
  // poolifier's cluster worker does not answer as an ES module on Node 20.
  { ...shared, format: 'cjs', entry: workers('echo-poolifier-cluster', 'echo-poolifier-thread') },
]);
