import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportModel, type ModelConfig, presets } from '@mayfly/core';
import { exportLlama2c, initializeParameters, ParameterLayout } from '@mayfly/core/testing';
import { alternate } from '../harness/alternate.js';
import { compileC } from '../harness/compile-c.js';
import type { Benchmark, Figure, Target } from '../harness/report.js';
import { runForJson, runScript } from '../harness/run-script.js';
import { ratio } from '../harness/targets.js';
import type { GenerateTask } from '../scripts/generate-run.js';
import type { LlamaCppTask } from '../scripts/llama-cpp-run.js';

type Sample = { readonly perSecond: number; readonly mib: number } & Record<string, number>;

/** Ours / the peer's tokens per second at least, with one thread. */
const LEAST_OF_LLAMA2C = 1;
const LEAST_OF_LLAMA_CPP = 0.8;
/** Ours / the peer's memory at most. */
const MOST_MEMORY = 2;

const models: readonly {
  readonly name: string;
  readonly config: ModelConfig;
  readonly peer: 'llama2.c' | 'llama.cpp';
}[] = [
  { name: 'stories15m', config: presets.stories15m, peer: 'llama2.c' },
  { name: 'stories110m', config: presets.stories110m, peer: 'llama.cpp' },
];

export const generation: Benchmark = {
  name: 'generate',
  measures:
    'Greedy generation from BOS with random weights, tokens after the first. llama2.c: its algorithm in fp32, -Ofast, OpenMP. llama.cpp: F16, through its binding for Node. Memory of ours: both processes, shared memory once.',
  async measure({ quick, repetitions }) {
    const folder = mkdtempSync(join(tmpdir(), 'mayfly-bench-'));
    const figures: Figure[] = [];
    const targets: Target[] = [];
    const skipped: { case: string; reason: string }[] = [];
    try {
      for (const { name, config, peer } of quick ? models.slice(0, 1) : models) {
        const model = join(folder, `${name}.bin`);
        const gguf = join(folder, `${name}.gguf`);
        const layout = new ParameterLayout(config);
        const parameters = new Float32Array(layout.count);
        initializeParameters(layout, parameters, 1);
        await exportLlama2c(model, config, parameters);
        await exportModel({ model, format: 'gguf', dtype: 'f16', out: gguf, tokenizer: 'none' });
        const tokens = quick ? 32 : 256;
        const most = availableParallelism();
        for (const threads of most === 1 ? [1] : [1, most]) {
          const task = { tokens, threads };
          const measured = await alternate<Sample>(
            `generate, ${name}, ${threads} threads`,
            [
              { name: 'mayfly', run: () => mayfly({ ...task, model, vocab: config.vocab }) },
              { name: 'llama2.c', run: () => llama2c(model, tokens, threads) },
              { name: 'llama.cpp', run: () => llamaCpp({ ...task, path: gguf }) },
            ],
            repetitions,
          );
          const title = `${name}, ${threads} thread${threads === 1 ? '' : 's'}`;
          skipped.push(...measured.skipped.map((skip) => ({ ...skip, case: `${title}: ${skip.case}` })));
          for (const [each, { perSecond, mib }] of measured.samples) {
            const row = { isolation: 'process', placement: 'scheduler' } as const;
            figures.push({ ...row, case: `${title}: ${each}, a token`, unit: 'ms', p50: 1000 / perSecond, perSecond });
            figures.push({ ...row, case: `${title}: ${each}, memory`, unit: 'MiB', p50: mib });
          }
          const own = measured.samples.get('mayfly');
          const other = measured.samples.get(peer);
          const least = peer === 'llama2.c' ? LEAST_OF_LLAMA2C : LEAST_OF_LLAMA_CPP;
          targets.push(...ratio(`${title}: mayfly / ${peer}`, own?.perSecond, other?.perSecond, '>=', least));
          const memory = measured.samples.get('llama.cpp')?.mib;
          targets.push(...ratio(`${title}: memory, mayfly / llama.cpp`, own?.mib, memory, '<=', MOST_MEMORY));
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return { repetitions, figures, targets, skipped };
  },
};

const mayfly = (task: GenerateTask): Promise<Sample> => runScript<Sample>('generate-run', task, 600_000);

const llamaCpp = (task: LlamaCppTask): Promise<Sample> => runScript<Sample>('llama-cpp-run', task, 600_000);

async function llama2c(model: string, tokens: number, threads: number): Promise<Sample> {
  const program = compileC('peers/llama_generate', ['-Ofast', '-march=native', '-fopenmp', '-lm']);
  const { seconds, mib } = await runForJson<{ seconds: number; mib: number }>(
    program,
    [model, String(tokens)],
    600_000,
    {
      OMP_NUM_THREADS: String(threads),
    },
  );
  return { perSecond: (tokens - 1) / seconds, mib };
}
