import { type CaseType, size, type Tensor } from './tensor.js';

/** Operations of MIL in plain float64 loops, one element at a time: what every device is compared with. */

type Index = number[];

const product = size;

function forEachIndex(shape: readonly number[], visit: (index: Index, flat: number) => void): void {
  const index = shape.map(() => 0);
  for (let flat = 0; flat < product(shape); flat++) {
    visit(index, flat);
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = (index[d] as number) + 1;
      if ((index[d] as number) < (shape[d] as number)) break;
      index[d] = 0;
    }
  }
}

/** The element at an index; dimensions are right-aligned and those of size 1 repeated, as in numpy. */
function at(x: Tensor, index: readonly number[]): number {
  let flat = 0;
  const skip = index.length - x.shape.length;
  for (let d = 0; d < x.shape.length; d++) {
    const extent = x.shape[d] as number;
    flat = flat * extent + (extent === 1 ? 0 : (index[skip + d] as number));
  }
  return x.data[flat] as number;
}

function generate(dtype: CaseType, shape: readonly number[], value: (index: Index) => number): Tensor {
  const data: number[] = [];
  forEachIndex(shape, (index) => data.push(value(index)));
  return { dtype, shape, data };
}

export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, d) =>
    Math.max(...shapes.map((shape) => shape[d - rank + shape.length] ?? 1)),
  );
}

export function map(dtype: CaseType, f: (...values: number[]) => number, ...tensors: readonly Tensor[]): Tensor {
  const shape = broadcastShape(...tensors.map((x) => x.shape));
  return generate(dtype, shape, (index) => f(...tensors.map((x) => at(x, index))));
}

export function reduce(x: Tensor, axes: readonly number[], keep: boolean, f: (values: number[]) => number): Tensor {
  const reduced = x.shape.map((_, d) => axes.includes(d));
  const kept = x.shape.map((extent, d) => (reduced[d] ? 1 : extent));
  const result = generate(x.dtype, kept, (index) => {
    const values: number[] = [];
    forEachIndex(
      x.shape.map((extent, d) => (reduced[d] ? extent : 1)),
      (inner) =>
        values.push(
          at(
            x,
            index.map((i, d) => (reduced[d] ? (inner[d] as number) : i)),
          ),
        ),
    );
    return f(values);
  });
  return keep ? result : { ...result, shape: x.shape.filter((_, d) => !reduced[d]) };
}

export const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
export const mean = (values: number[]): number => sum(values) / values.length;

/** The error function: its Taylor series near 0, the continued fraction of erfc beyond. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 2.5) {
    let [term, total] = [x, x];
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n;
      total += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * total;
  }
  let fraction = size;
  for (let n = 60; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-x * x) / (fraction * Math.sqrt(Math.PI)));
}

export function softmax(x: Tensor, axis: number): Tensor {
  const max = reduce(x, [axis], true, (values) => Math.max(...values));
  const powers = map(x.dtype, (value, m) => Math.exp(value - m), x, max);
  return map(x.dtype, (value, total) => value / total, powers, reduce(powers, [axis], true, sum));
}

export function transpose(x: Tensor, perm: readonly number[]): Tensor {
  const shape = perm.map((axis) => x.shape[axis] as number);
  return generate(x.dtype, shape, (index) => {
    const from: number[] = [];
    for (let d = 0; d < perm.length; d++) from[perm[d] as number] = index[d] as number;
    return at(x, from);
  });
}

export const reshape = (x: Tensor, shape: readonly number[]): Tensor => ({ ...x, shape });

export function matmul(x: Tensor, y: Tensor, transposeX = false, transposeY = false): Tensor {
  const swapped = (t: Tensor): Tensor => {
    const rank = t.shape.length;
    return transpose(t, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
  };
  const a = transposeX ? swapped(x) : x;
  const b = transposeY ? swapped(y) : y;
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-1) as number;
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return generate(x.dtype, [...batch, m, n], (index) => {
    const [i, j] = index.slice(-2) as [number, number];
    const outer = index.slice(0, -2);
    let total = 0;
    for (let p = 0; p < k; p++) total += at(a, [...outer, i, p]) * at(b, [...outer, p, j]);
    return total;
  });
}

export interface ConvOptions {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly groups: number;
  /** Before and after, per spatial dimension. */
  readonly pads: readonly number[];
  readonly bias?: Tensor;
}

export function conv(x: Tensor, weight: Tensor, o: ConvOptions): Tensor {
  const spatial = x.shape.slice(2);
  const kernel = weight.shape.slice(2);
  const out = spatial.map((extent, d) => {
    const room = extent + (o.pads[2 * d] as number) + (o.pads[2 * d + 1] as number);
    return (
      Math.floor((room - (o.dilations[d] as number) * ((kernel[d] as number) - 1) - 1) / (o.strides[d] as number)) + 1
    );
  });
  const outPerGroup = (weight.shape[0] as number) / o.groups;
  const inPerGroup = weight.shape[1] as number;
  return generate(x.dtype, [x.shape[0] as number, weight.shape[0] as number, ...out], ([n, channel, ...place]) => {
    const first = Math.floor((channel as number) / outPerGroup) * inPerGroup;
    let total = o.bias ? (o.bias.data[channel as number] as number) : 0;
    forEachIndex([inPerGroup, ...kernel], ([c, ...tap]) => {
      const from = place.map(
        (p, d) =>
          p * (o.strides[d] as number) + (tap[d] as number) * (o.dilations[d] as number) - (o.pads[2 * d] as number),
      );
      if (from.some((p, d) => p < 0 || p >= (spatial[d] as number))) return;
      total +=
        at(x, [n as number, first + (c as number), ...from]) * at(weight, [channel as number, c as number, ...tap]);
    });
    return total;
  });
}

/** The pads that `same` (extra one after) and `same_lower` (extra one before) stand for. */
export function samePads(
  spatial: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
  lower: boolean,
): number[] {
  return spatial.flatMap((extent, d) => {
    const stride = strides[d] as number;
    const span = (dilations[d] as number) * ((kernel[d] as number) - 1) + 1;
    const total = Math.max(0, (Math.ceil(extent / stride) - 1) * stride + span - extent);
    const smaller = Math.floor(total / 2);
    return lower ? [total - smaller, smaller] : [smaller, total - smaller];
  });
}

export interface PoolOptions {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Before and after, per spatial dimension. */
  readonly pads: readonly number[];
  readonly ceil?: boolean;
}

/** For each window, the elements within the input and the number of places within the padded input. */
export function pool(x: Tensor, o: PoolOptions, f: (values: number[], places: number) => number): Tensor {
  const spatial = x.shape.slice(2);
  const out = spatial.map((extent, d) => {
    const [before, after] = o.pads.slice(2 * d, 2 * d + 2) as [number, number];
    const [kernel, stride] = [o.kernel[d] as number, o.strides[d] as number];
    const steps = (extent + before + after - kernel) / stride;
    if (!o.ceil) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    return before > 0 && (count - 1) * stride >= extent + before ? count - 1 : count;
  });
  return generate(x.dtype, [...x.shape.slice(0, 2), ...out], (index) => {
    const values: number[] = [];
    let places = 0;
    forEachIndex(o.kernel, (tap) => {
      const from = tap.map(
        (t, d) => (index[2 + d] as number) * (o.strides[d] as number) + t - (o.pads[2 * d] as number),
      );
      const within = (d: number, margin: (side: number) => number) =>
        (from[d] as number) >= -margin(0) && (from[d] as number) < (spatial[d] as number) + margin(1);
      if (from.every((_, d) => within(d, (side) => o.pads[2 * d + side] as number))) places += 1;
      if (from.every((_, d) => within(d, () => 0))) values.push(at(x, [...index.slice(0, 2), ...from]));
    });
    return f(values, places);
  });
}

/** softmax(query·keyᵀ/√E + mask)·value; where a bool mask is false, −∞ is added. */
export function attention(query: Tensor, key: Tensor, value: Tensor, mask?: Tensor): Tensor {
  const wide = (x: Tensor): Tensor => ({ ...x, dtype: 'fp32' });
  const width = query.shape.at(-1) as number;
  const scores = map('fp32', (s) => s / Math.sqrt(width), matmul(wide(query), wide(key), false, true));
  const add = (s: number, m: number) => (mask?.dtype === 'bool' ? (m ? s : -Infinity) : s + m);
  return matmul(softmax(mask === undefined ? scores : map('fp32', add, scores, mask), -1 + scores.shape.length), value);
}

/** gamma·(x − mean)/√(variance + epsilon) + beta. */
export function layerNorm(x: Tensor, axes: readonly number[], gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  const centered = map(x.dtype, (a, b) => a - b, x, reduce(x, axes, true, mean));
  const variance = reduce(
    map(x.dtype, (a) => a * a, centered),
    axes,
    true,
    mean,
  );
  return map(x.dtype, (a, v, g, b) => (g * a) / Math.sqrt(v + epsilon) + b, centered, variance, gamma, beta);
}

export function concat(values: readonly Tensor[], axis: number, interleave = false): Tensor {
  const first = values[0] as Tensor;
  const total = values.reduce((n, value) => n + (value.shape[axis] as number), 0);
  const shape = first.shape.map((extent, d) => (d === axis ? total : extent));
  return generate(first.dtype, shape, (index) => {
    let place = index[axis] as number;
    if (interleave) {
      const chosen = values[place % values.length] as Tensor;
      return at(chosen, index.with(axis, Math.floor(place / values.length)));
    }
    for (const value of values) {
      const extent = value.shape[axis] as number;
      // A part of extent 1 is no repetition here.
      if (place < extent) return at(value, index.with(axis, place));
      place -= extent;
    }
    throw new Error('unreachable');
  });
}

export function slice(
  x: Tensor,
  begin: readonly number[],
  count: readonly number[],
  stride: readonly number[] = count.map(() => 1),
): Tensor {
  return generate(x.dtype, count, (index) =>
    at(
      x,
      index.map((i, d) => (begin[d] as number) + i * (stride[d] as number)),
    ),
  );
}

export function tile(x: Tensor, repetitions: readonly number[]): Tensor {
  const shape = x.shape.map((extent, d) => extent * (repetitions[d] as number));
  return generate(x.dtype, shape, (index) =>
    at(
      x,
      index.map((i, d) => i % (x.shape[d] as number)),
    ),
  );
}

export function gather(x: Tensor, indices: Tensor, axis: number): Tensor {
  const rank = indices.shape.length;
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return generate(x.dtype, shape, (index) => {
    const chosen = at(indices, index.slice(axis, axis + rank));
    const extent = x.shape[axis] as number;
    return at(x, [...index.slice(0, axis), chosen < 0 ? chosen + extent : chosen, ...index.slice(axis + rank)]);
  });
}
