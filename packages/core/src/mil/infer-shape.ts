import { elementCount } from '@mayfly/native';
import { expectType, shown } from './types.js';

type Shape = readonly number[];

/** `axis` counted from the front; negative ones count from the end. */
export function resolveAxis(axis: number, rank: number): number {
  expectType(Number.isInteger(axis) && axis >= -rank && axis < rank, `an axis of rank ${rank}`, axis);
  return axis < 0 ? axis + rank : axis;
}

function expectSizes(sizes: Shape, what: string): void {
  expectType(
    sizes.every((size) => Number.isSafeInteger(size) && size >= 1),
    `${what} with sizes from 1 up`,
    shown(sizes),
  );
}

export function checkedShape(shape: Shape): Shape {
  expectSizes(shape, 'a shape');
  return [...shape];
}

/** Sizes aligned at the last axis; 1 stretches. */
export function broadcastShape(x: Shape, y: Shape): Shape {
  const rank = Math.max(x.length, y.length);
  return Array.from({ length: rank }, (_, axis) => {
    const a = x[axis - rank + x.length] ?? 1;
    const b = y[axis - rank + y.length] ?? 1;
    expectType(a === b || a === 1 || b === 1, `shapes that broadcast with ${shown(x)}`, shown(y));
    return Math.max(a, b);
  });
}

export function matmulShape(x: Shape, y: Shape, transposeX: boolean, transposeY: boolean): Shape {
  expectType(x.length >= 2 && y.length >= 2, 'operands of rank 2 or more', `${shown(x)} and ${shown(y)}`);
  const [rows, inner] = transposeX ? [x.at(-1)!, x.at(-2)!] : [x.at(-2)!, x.at(-1)!];
  const [innerY, columns] = transposeY ? [y.at(-1)!, y.at(-2)!] : [y.at(-2)!, y.at(-1)!];
  const inners = `inner sizes ${inner} and ${innerY} of ${shown(x)} and ${shown(y)}`;
  expectType(inner === innerY, 'equal inner sizes', inners);
  return [...broadcastShape(x.slice(0, -2), y.slice(0, -2)), rows, columns];
}

/** Padding of a convolution: `valid` adds no zeros, `same` and `same_lower` as many as keep the size, `custom` those of `ConvOptions.pad`. */
export type PadType = 'valid' | 'same' | 'same_lower' | 'custom';

/** Per spatial axis, but for `pad`: begin and end of each. */
export interface ConvAttributes {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pad: readonly number[];
  readonly padType: PadType;
  readonly groups: number;
}

export function convShape(x: Shape, weight: Shape, attributes: ConvAttributes): Shape {
  const { strides, dilations, pad, padType, groups } = attributes;
  const spatial = x.length - 2;
  expectType(spatial >= 1 && spatial <= 3, 'a convolution input [n, channels, 1 to 3 spatial sizes]', shown(x));
  const [batch, channels] = x as [number, number];
  const [outChannels, inChannels] = weight as [number, number];
  const fits = weight.length === x.length && inChannels * groups === channels && outChannels % groups === 0;
  expectType(fits, `a weight [out, ${channels}/${groups}, kernel…] for input ${shown(x)}`, shown(weight));
  expectSizes(strides, 'strides');
  expectSizes(dilations, 'dilations');
  const lengths = [strides.length, dilations.length, pad.length].join(', ');
  const expected = [spatial, spatial, 2 * spatial].join(', ');
  expectType(lengths === expected, `${expected} strides, dilations and pads`, lengths);
  const sizes = Array.from({ length: spatial }, (_, axis) => {
    const [size, stride] = [x[axis + 2]!, strides[axis]!];
    if (padType === 'same' || padType === 'same_lower') return Math.ceil(size / stride);
    const padded = size + (padType === 'custom' ? pad[2 * axis]! + pad[2 * axis + 1]! : 0);
    return Math.floor((padded - dilations[axis]! * (weight[axis + 2]! - 1) - 1) / stride) + 1;
  });
  const covered = sizes.every((size) => size >= 1);
  expectType(covered, `spatial sizes of at least the kernel's in ${shown(weight)}`, shown(x));
  return [batch, outChannels, ...sizes];
}

/** Per spatial axis, but for `pad`: begin and end of each. */
export interface PoolAttributes extends Omit<ConvAttributes, 'dilations' | 'groups'> {
  readonly kernelSizes: readonly number[];
  readonly ceilMode: boolean;
}

export function poolShape(x: Shape, attributes: PoolAttributes): Shape {
  const { kernelSizes, strides, pad, padType, ceilMode } = attributes;
  const spatial = x.length - 2;
  expectType(spatial >= 1 && spatial <= 3, 'a pooling input [n, channels, 1 to 3 spatial sizes]', shown(x));
  expectSizes(kernelSizes, 'kernel sizes');
  expectSizes(strides, 'strides');
  const lengths = [kernelSizes.length, strides.length, pad.length].join(', ');
  const expected = [spatial, spatial, 2 * spatial].join(', ');
  expectType(lengths === expected, `${expected} kernel sizes, strides and pads`, lengths);
  const same = padType === 'same' || padType === 'same_lower';
  expectType(
    !ceilMode || (!same && spatial < 3),
    'ceilMode with padType `valid` or `custom` of one or two axes',
    padType,
  );
  const sizes = kernelSizes.map((kernel, axis) => {
    const [size, stride] = [x[axis + 2]!, strides[axis]!];
    if (same) return Math.ceil(size / stride);
    const [before, after] = padType === 'custom' ? [pad[2 * axis]!, pad[2 * axis + 1]!] : [0, 0];
    expectType(!ceilMode || before === after, 'equal pads before and after an axis with ceilMode', shown(pad));
    const steps = (size + before + after - kernel) / stride;
    const positions = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that begins in the padding at the end is left out.
    return ceilMode && before > 0 && (positions - 1) * stride >= size + before ? positions - 1 : positions;
  });
  const covered = sizes.every((size) => size >= 1);
  expectType(covered, `spatial sizes of at least the kernel's ${shown(kernelSizes)}`, shown(x));
  return [...x.slice(0, 2), ...sizes];
}

/** x [*D, Dᵢₙ] and weight [Dₒᵤₜ, Dᵢₙ]. */
export function linearShape(x: Shape, weight: Shape): Shape {
  const fits = x.length >= 1 && weight.length === 2 && weight[1] === x.at(-1);
  expectType(fits, `a weight [out, ${x.at(-1)}] for ${shown(x)}`, shown(weight));
  return x.with(-1, weight[0]!);
}

/** Query [*B, L, E], key [*B, S, E], value [*B, S, EV], and a mask that broadcasts to [*B, L, S]. */
export function attentionShape(query: Shape, key: Shape, value: Shape, mask: Shape | null): Shape {
  const [batch, width, length] = [query.slice(0, -2), query.at(-1)!, key.at(-2)!];
  expectType(query.length >= 3, 'a query of rank 3 or more', shown(query));
  expectType(shown(key) === shown([...batch, length, width]), `a key [${batch}, S, ${width}]`, shown(key));
  const values = [...batch, length, value.at(-1)!];
  expectType(shown(value) === shown(values), `a value [${batch}, ${length}, EV]`, shown(value));
  const scores = [...query.slice(0, -1), length];
  const covered = mask === null || (mask.at(-1) === length && shown(broadcastShape(scores, mask)) === shown(scores));
  expectType(covered, `a mask that broadcasts to ${shown(scores)}`, mask === null ? mask : shown(mask));
  return query.with(-1, value.at(-1)!);
}

/** The sizes of `axes`, in the order of x, that gamma and beta of a normalization have. */
export function normalizedShape(x: Shape, axes: readonly number[]): Shape {
  const normalized = new Set(axes.map((axis) => resolveAxis(axis, x.length)));
  return x.filter((_, axis) => normalized.has(axis));
}

export function reduceShape(x: Shape, axes: readonly number[], keepDims: boolean): Shape {
  const reduced = new Set(axes.map((axis) => resolveAxis(axis, x.length)));
  if (keepDims) return x.map((size, axis) => (reduced.has(axis) ? 1 : size));
  return x.filter((_, axis) => !reduced.has(axis));
}

/** One size may be −1: what is left. */
export function reshapeShape(x: Shape, shape: Shape): Shape {
  const elements = elementCount(x);
  const known = shape.filter((size) => size !== -1);
  expectType(shape.length - known.length <= 1, 'at most one size of −1', shown(shape));
  const result = shape.map((size) => (size === -1 ? elements / elementCount(known) : size));
  expectSizes(result, `a shape of ${elements} elements`);
  expectType(elementCount(result) === elements, `a shape of ${elements} elements for ${shown(x)}`, shown(shape));
  return result;
}

export function transposeShape(x: Shape, permutation: readonly number[]): Shape {
  const sorted = [...permutation].sort((a, b) => a - b);
  const complete = sorted.length === x.length && sorted.every((axis, index) => axis === index);
  expectType(complete, `a permutation of ${x.length} axes`, shown(permutation));
  return permutation.map((axis) => x[axis]!);
}

export function concatShape(shapes: readonly Shape[], axis: number): Shape {
  const [first, ...others] = shapes;
  expectType(first !== undefined, 'values to concatenate', 'none');
  for (const shape of others) {
    const matches = shape.length === first.length && shape.every((size, at) => at === axis || size === first[at]);
    expectType(matches, `sizes of ${shown(first)} but for axis ${axis}`, shown(shape));
  }
  return first.with(
    axis,
    shapes.reduce((sum, shape) => sum + shape[axis]!, 0),
  );
}

/** A size of −1 reaches to the end. */
export function sliceBySizeShape(x: Shape, begin: readonly number[], size: readonly number[]): Shape {
  expectType(begin.length === x.length, `${x.length} begins`, shown(begin));
  expectType(size.length === x.length, `${x.length} sizes`, shown(size));
  const result = size.map((length, axis) => (length === -1 ? x[axis]! - begin[axis]! : length));
  const inside = result.every((length, axis) => begin[axis]! >= 0 && length >= 1 && begin[axis]! + length <= x[axis]!);
  expectType(inside, `a slice within ${shown(x)}`, `${shown(size)} from ${shown(begin)}`);
  return result;
}

/** Python's slicing: negative bounds count from the end, and bounds beyond it are cut. */
export function sliceByIndexShape(
  x: Shape,
  begin: readonly number[],
  end: readonly number[],
  stride: readonly number[],
  masks: { readonly begin: readonly boolean[]; readonly end: readonly boolean[]; readonly squeeze: readonly boolean[] },
): Shape {
  const lists = [begin, end, stride, masks.begin, masks.end, masks.squeeze];
  expectType(
    lists.every((list) => list.length === x.length),
    `${x.length} entries per list`,
    lists.map((list) => list.length),
  );
  const result = x.map((size, axis) => {
    const step = stride[axis]!;
    expectType(Number.isInteger(step) && step !== 0, 'strides other than 0', step);
    const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
    const bound = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, lowest), highest);
    const from = masks.begin[axis] ? (step > 0 ? 0 : size - 1) : bound(begin[axis]!);
    const to = masks.end[axis] ? (step > 0 ? size : -1) : bound(end[axis]!);
    return masks.squeeze[axis] ? 1 : Math.ceil((to - from) / step);
  });
  expectSizes(result, `a slice of ${shown(x)}`);
  return result.filter((_, axis) => !masks.squeeze[axis]);
}

export function gatherShape(x: Shape, indices: Shape, axis: number): Shape {
  return [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)];
}

export function tileShape(x: Shape, reps: readonly number[]): Shape {
  expectType(reps.length === x.length, `${x.length} repetitions`, shown(reps));
  expectSizes(reps, 'repetitions');
  return x.map((size, axis) => size * reps[axis]!);
}

export function expandDimsShape(x: Shape, axes: readonly number[]): Shape {
  const added = new Set(axes.map((axis) => resolveAxis(axis, x.length + axes.length)));
  const sizes = x.values();
  return Array.from({ length: x.length + added.size }, (_, axis) => (added.has(axis) ? 1 : sizes.next().value!));
}

export function squeezeShape(x: Shape, axes: readonly number[]): Shape {
  const dropped = new Set(axes.map((axis) => resolveAxis(axis, x.length)));
  const ones = [...dropped].every((axis) => x[axis] === 1);
  expectType(ones, `axes of size 1 in ${shown(x)}`, shown(axes));
  return x.filter((_, axis) => !dropped.has(axis));
}
