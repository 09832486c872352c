/** Greedy generation by llama.cpp through its binding for Node. Takes its task as JSON in argv[2], prints a sample as JSON. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface LlamaCppTask {
  /** A GGUF file. */
  readonly path: string;
  readonly tokens: number;
  readonly threads: number;
}

/** The part of the binding that is used; it has no types. */
interface Binding {
  setLogger(log: (level: number, message: string) => void): void;
  loadBackends(folder: string): void;
  init(): Promise<void>;
  readonly AddonModel: new (path: string, options: object) => { init(): Promise<boolean> };
  readonly AddonContext: new (
    model: object,
    options: object,
  ) => {
    init(): Promise<boolean>;
    initBatch(size: number): void;
    addToBatch(sequence: number, first: number, tokens: Uint32Array, logits: Uint32Array): Uint32Array;
    decodeBatch(): Promise<void>;
    sampleToken(place: number, sampler: object): Promise<number>;
  };
  readonly AddonSampler: new (model: object) => { applyConfig(config: object): void };
}

const { path, tokens, threads } = JSON.parse(process.argv[2]!) as LlamaCppTask;
const library = fileURLToPath(import.meta.resolve('@node-llama-cpp/linux-x64'));
const bins = join(dirname(library), '../bins/linux-x64');
const addon = createRequire(import.meta.url)(join(bins, 'llama-addon.node')) as Binding;
addon.setLogger(() => {});
addon.loadBackends(bins);
await addon.init();
const model = new addon.AddonModel(path, { addonExports: addon, gpuLayers: 0, useMmap: true });
if (!(await model.init())) throw new Error(`Error: llama.cpp refuses ${path}`);
const context = new addon.AddonContext(model, { contextSize: tokens, batchSize: 1, sequences: 1, threads });
if (!(await context.init())) throw new Error('Error: llama.cpp has no context');
const sampler = new addon.AddonSampler(model);
sampler.applyConfig({ temperature: 0 });
let token = 1;
let first = 0;
for (let position = 0; position < tokens; position++) {
  context.initBatch(1);
  const places = context.addToBatch(0, position, Uint32Array.of(token), Uint32Array.of(0));
  await context.decodeBatch();
  token = await context.sampleToken(places[0]!, sampler);
  if (position === 0) first = performance.now();
}
const seconds = (performance.now() - first) / 1000;
const mib = process.memoryUsage.rss() / 2 ** 20;
process.stdout.write(`${JSON.stringify({ perSecond: (tokens - 1) / seconds, mib, last: token })}\n`, () =>
  process.exit(0),
);
