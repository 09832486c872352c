/** Updates by AdamW. Takes its task as JSON in argv[2], prints a sample as JSON. */
import { addon } from '@mayfly/native';
import { median } from '../harness/statistics.js';

export interface AdamwTask {
  readonly count: number;
  readonly threads: number;
  readonly samples: number;
}

const { count, threads, samples } = JSON.parse(process.argv[2]!) as AdamwTask;
const bytes = 4 * count;
const arena = addon.createArena(6 * bytes);
const COLUMNS = 768;
const half = { half: 4 * bytes, halfStride: COLUMNS, columns: COLUMNS, count: count - (count % COLUMNS) };
const update = { weights: 0, gradients: bytes, m: 2 * bytes, v: 3 * bytes, count, step: 1, gradientScale: 1 };
const options = { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 };
new Float32Array(arena.view(0, 2 * bytes).buffer, 0, 2 * count).fill(0.01);
addon.math.setThreads(threads);
const time = (body: () => void): number => {
  const times = Array.from({ length: samples + 1 }, () => {
    const start = performance.now();
    body();
    return performance.now() - start;
  });
  return median(times.slice(1));
};
const sample = {
  update: time(() => addon.math.adamw(arena, { ...update, ...options })),
  copying: time(() => addon.math.adamw(arena, { ...update, ...options, ...half })),
};
arena.close();
console.log(JSON.stringify(sample));
