/** Matrix products of the addon. Takes its task as JSON in argv[2], prints median seconds by shape as JSON. */
import { addon, type Precision } from '@mayfly/native';
import { median } from './harness/statistics.js';

export interface GemmTask {
  readonly shapes: readonly (readonly [m: number, n: number, k: number])[];
  readonly type: 'fp16' | 'fp32';
  readonly precision: Precision;
  readonly threads: number;
  readonly samples: number;
}

const { shapes, type, precision, threads, samples } = JSON.parse(process.argv[2]!) as GemmTask;
const bytes = type === 'fp16' ? 2 : 4;
const block = 64 * Math.ceil((bytes * Math.max(...shapes.flatMap(([m, n, k]) => [m * n, m * k, k * n]))) / 64);
const arena = addon.createArena(3 * block);
const elements =
  bytes === 2 ? new Uint16Array(arena.view(0, 2 * block).buffer) : new Float32Array(arena.view(0, 2 * block).buffer);
// fp16: positive numbers of 2^-5 to 2^-4.
for (let i = 0; i < (2 * block) / bytes; i++) elements[i] = bytes === 2 ? 0x2800 + (i & 1023) : (i & 1023) / 1024 - 0.5;
addon.math.setThreads(threads);
const seconds: Record<string, number> = {};
for (const [m, n, k] of shapes) {
  const types = { aType: type, bType: type, cType: type };
  const product = { m, n, k, precision, ...types, a: 0, aStride: k, b: block, bStride: n, c: 2 * block, cStride: n };
  const times = Array.from({ length: samples + 2 }, () => {
    const start = performance.now();
    addon.math.gemm(arena, product);
    return (performance.now() - start) / 1000;
  });
  seconds[`${m}x${n}x${k}`] = median(times.slice(2));
}
arena.close();
console.log(JSON.stringify(seconds));
