/**
 * Matrix products of the addon. Takes its task as JSON in argv[2], prints JSON: median seconds by shape, and relative errors (root
 * mean square against float64, over some rows of an fp32 result) by shape and the word `error`.
 */
import { addon, type MatrixProduct, type NativeArena, type Precision } from '@mayfly/native';
import { type GemmShape, nameOf } from '../harness/gemm-shapes.js';
import { median } from '../harness/statistics.js';

export interface GemmTask {
  readonly shapes: readonly GemmShape[];
  readonly precision: Precision;
  readonly threads: number;
  readonly samples: number;
}

const ERROR_ROWS = 16;

const { shapes, precision, threads, samples } = JSON.parse(process.argv[2]!) as GemmTask;
addon.math.setThreads(threads);
const results: Record<string, number> = {};
for (const shape of shapes) {
  const { count, m, n, k, layout } = shape;
  // fp16 operands and result, and room for each in fp32.
  const [sizeA, sizeB, sizeC] = [count * m * k, count * k * n, count * m * n];
  const place = places([2 * sizeA, 2 * sizeB, 2 * sizeC, 4 * sizeA, 4 * sizeB, 4 * sizeC]);
  const [a, b, c, floatsA, floatsB, floatsC] = place.offsets as [number, number, number, number, number, number];
  const arena = addon.createArena(place.bytes);
  fillNormal(arena, floatsA, a, sizeA);
  fillNormal(arena, floatsB, b, sizeB);
  const product: MatrixProduct = {
    ...{ m, n, k, precision, a, aType: 'fp16', b, bType: 'fp16', c, cType: 'fp16', cStride: n },
    ...(layout === 'TN' ? { aTransposed: true, aStride: m } : { aStride: k }),
    ...(layout === 'NT' ? { bTransposed: true, bStride: k } : { bStride: n }),
  };
  const multiply = count === 1 ? () => addon.math.gemm(arena, product) : batched(arena, shape, [a, b, c]);
  const times = Array.from({ length: samples + 2 }, () => {
    const start = performance.now();
    multiply();
    return (performance.now() - start) / 1000;
  });
  results[nameOf(shape)] = median(times.slice(2));
  addon.math.gemm(arena, { ...product, c: floatsC, cType: 'fp32' });
  const floats = (offset: number, size: number) => new Float32Array(arena.view(offset, 4 * size).buffer, offset, size);
  results[`${nameOf(shape)} error`] = relativeError(
    shape,
    floats(floatsA, sizeA),
    floats(floatsB, sizeB),
    floats(floatsC, sizeC),
  );
  arena.close();
}
console.log(JSON.stringify(results));

function places(sizes: readonly number[]): { offsets: number[]; bytes: number } {
  let bytes = 0;
  const offsets = sizes.map((size) => {
    const offset = bytes;
    bytes += 64 * Math.ceil(size / 64);
    return offset;
  });
  return { offsets, bytes };
}

/** Normally distributed numbers, as fp16 and the same as fp32. */
function fillNormal(arena: NativeArena, floats: number, halves: number, count: number): void {
  const values = new Float32Array(arena.view(floats, 4 * count).buffer, floats, count);
  for (let i = 0; i < count; i++)
    values[i] = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  const row = { rows: 1, columns: count };
  addon.math.toHalf(arena, { from: floats, fromStride: count, to: halves, toStride: count, transpose: false, ...row });
  addon.math.toFloat(arena, { from: halves, fromStride: count, to: floats, toStride: count, ...row });
}

/** All products of a batch in one, as the cpu device evaluates them. */
function batched(arena: NativeArena, { count, m, n, k, layout }: GemmShape, offsets: readonly number[]): () => void {
  const type = (rows: number, columns: number) => `tensor<fp16, [${count}, ${rows}, ${columns}]>`;
  const x = layout === 'TN' ? type(k, m) : type(m, k);
  const y = layout === 'NT' ? type(n, k) : type(k, n);
  const transpose = (name: string, value: boolean) =>
    `bool ${name} = const()[name = string("${name}"), val = bool(${value})];`;
  const device = addon.openDevice('cpu', arena, { threads, precision });
  const { program } = device.compile(
    `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]
{
    func main<ios18>(${x} x, ${y} y) {
        ${transpose('tx', layout === 'TN')}
        ${transpose('ty', layout === 'NT')}
        ${type(m, n)} z = matmul(x = x, y = y, transpose_x = tx, transpose_y = ty)[name = string("z")];
    } -> (z);
}
`,
    [],
  );
  return () => device.evaluate(program, offsets);
}

function relativeError({ m, n, k, layout }: GemmShape, a: Float32Array, b: Float32Array, c: Float32Array): number {
  let errors = 0;
  let squares = 0;
  for (let i = 0; i < Math.min(m, ERROR_ROWS); i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++)
        sum += a[layout === 'TN' ? p * m + i : i * k + p]! * b[layout === 'NT' ? j * k + p : p * n + j]!;
      errors += (c[i * n + j]! - sum) ** 2;
      squares += sum ** 2;
    }
  }
  return Math.sqrt(errors / squares);
}
