import type { DType } from '@mayfly/native';
import { type Arguments, MilGraph, type MilOptions, MilValue } from './graph.js';
import {
  attentionShape,
  broadcastShape,
  checkedShape,
  concatShape,
  convShape,
  expandDimsShape,
  gatherShape,
  linearShape,
  matmulShape,
  normalizedShape,
  type PadType,
  poolShape,
  reduceShape,
  reshapeShape,
  resolveAxis,
  sliceByIndexShape,
  sliceBySizeShape,
  squeezeShape,
  tileShape,
  transposeShape,
} from './infer-shape.js';
import { expectType, type MilDType, type MilProgram, type Scalar, shown, type WeightRecord } from './types.js';

/** A value, or a number that becomes a scalar constant of the other operand's type. */
export type Operand = MilValue | number;

/** Options of `MilBuilder.conv`. A convolution has one to three spatial axes: those after batch and channels. */
export interface ConvOptions {
  /** Step of the kernel along each spatial axis, in elements. Default: 1. */
  readonly strides?: readonly number[];
  /** Distance between taps of the kernel along each spatial axis, in elements. Default: 1. */
  readonly dilations?: readonly number[];
  /** Zeros before and after each spatial axis: [begin, end, begin, end, …]. Used with padType `custom` only. Default: 0. */
  readonly pad?: readonly number[];
  /**
   * `valid` adds no zeros; `custom` adds those of `pad`; `same` and `same_lower` add as many as keep ⌈size / stride⌉ elements, an odd
   * one at the end or at the beginning. Default: `valid`.
   */
  readonly padType?: PadType;
  /** Groups of channels, each of which is convolved alone; a divisor of the input and output channels. Default: 1. */
  readonly groups?: number;
}

/** Options of `MilBuilder.maxPool` and `MilBuilder.avgPool`, which have one to three spatial axes. */
export interface PoolOptions {
  /** Step of the window along each spatial axis, in elements. Default: 1. */
  readonly strides?: readonly number[];
  /** As for a convolution. */
  readonly pad?: readonly number[];
  /** As for a convolution. Default: `valid`. */
  readonly padType?: PadType;
  /** True rounds the number of windows up: the last one may leave the padded input. One or two spatial axes, equal pads. Default: false. */
  readonly ceilMode?: boolean;
}

/** Options of `MilBuilder.layerNorm`. */
export interface LayerNormOptions {
  /** A factor for each element along the axes. Default: 1. */
  readonly gamma?: MilValue;
  /** A summand for each element along the axes. Default: 0. */
  readonly beta?: MilValue;
  /** Added to the variance. Default: 1e-5. */
  readonly epsilon?: number;
}

/** Formulas of `MilBuilder.gelu`: by the error function, by tanh, and x · sigmoid(1.702 x). */
export type GeluMode = 'EXACT' | 'TANH_APPROXIMATION' | 'SIGMOID_APPROXIMATION';

/** Options of `MilBuilder.sliceByIndex`. Each list has an entry for every axis. */
export interface SliceOptions {
  /** Step along each axis; negative steps go backwards, 0 is an error. Default: 1. */
  readonly stride?: readonly number[];
  /** True takes the axis from its start, whatever `begin` says. Default: false. */
  readonly beginMask?: readonly boolean[];
  /** True takes the axis to its end, whatever `end` says. Default: false. */
  readonly endMask?: readonly boolean[];
  /** True takes element `begin` and drops the axis. Default: false. */
  readonly squeezeMask?: readonly boolean[];
}

/**
 * Writes programs in MIL, Core ML's Model Intermediate Language: one method for each operation. The builder infers shapes, chooses
 * names, writes every argument as a named constant, as the Neural Engine's compiler requires, and leaves out unused statements.
 * Operations have the meaning that coremltools documents. `docs/pool/mil.md` is the guide.
 *
 * Device `cpu` takes the operations of all methods. Neural Engines refuse some programs, or compute some wrongly, and `sim` does the same:
 * a method names the chip rules about its operation, which `docs/reference/lint.md` explains. `lint` of `@mayfly/core/chips` checks a program.
 *
 * @throws `ERR_MIL_TYPE` for wrong shapes and types: from the method, or from `pool.compile` for element types that only devices check.
 *
 * @example
 * const b = new MilBuilder();
 * const x = b.input('x', 'fp16', [1, 64, 1, 32]);
 * b.output('y', b.conv(x, b.weight('wq', [128, 64, 1, 1])));
 * const { text, weightFiles } = b.build();
 */
export class MilBuilder {
  readonly #graph: MilGraph;

  constructor(options: MilOptions = {}) {
    this.#graph = new MilGraph(options);
  }

  /** Declares an input. Inputs are passed to `Kernel.run` in the order of their declaration. */
  input(name: string, dtype: DType, shape: readonly number[]): MilValue {
    return this.#graph.input({ name, dtype, shape: checkedShape(shape) });
  }

  /** Makes a value the next output of the program. */
  output(name: string, value: MilValue): void {
    this.#graph.output(name, value);
  }

  /** A constant whose values are in the record `name` of a weight file. */
  weight(name: string, shape: readonly number[], dtype: WeightRecord['dtype'] = 'fp16'): MilValue {
    return this.#graph.weight({ name, dtype, shape: checkedShape(shape) });
  }

  /** A constant in the text of the program. Floats are rounded to `dtype`, and written exactly. Shape [] is a scalar. */
  constant(values: readonly Scalar[], dtype: DType, shape: readonly number[] = [values.length]): MilValue {
    return this.#graph.literal(dtype, checkedShape(shape), values, 'constant');
  }

  /** The text of the program, its ports, and where each weight lies in the weight files. */
  build(): MilProgram {
    return this.#graph.build();
  }

  /** x + y, element by element. Shapes broadcast. fp16, fp32 or int32; the result has the operands' type. Chip rule: `broadcast-rank-3`. */
  add = (x: Operand, y: Operand): MilValue => this.#binary('add', x, y);
  /** x − y, element by element. Shapes broadcast. fp16, fp32 or int32; the result has the operands' type. Chip rule: `broadcast-rank-3`. */
  sub = (x: Operand, y: Operand): MilValue => this.#binary('sub', x, y);
  /**
   * x · y, element by element. Shapes broadcast. fp16, fp32 or int32; the result has the operands' type. Neural Engines do not broadcast the
   * first axis, and refuse the product of a reduction and zero: chip rules `broadcast-rank-3`, `broadcast-batch`, `reduction-times-zero`.
   */
  mul = (x: Operand, y: Operand): MilValue => this.#binary('mul', x, y);
  /** x / y, element by element. Shapes broadcast. fp16 or fp32; the result has the operands' type. Chip rule: `broadcast-rank-3`. */
  realDiv = (x: Operand, y: Operand): MilValue => this.#binary('real_div', x, y);
  /** x to the power y, element by element. Shapes broadcast. fp16 or fp32; the result has the operands' type. Chip rule: `broadcast-rank-3`. */
  pow = (x: Operand, y: Operand): MilValue => this.#binary('pow', x, y);
  /**
   * The larger of x and y, element by element. Shapes broadcast. fp16, fp32 or int32; the result has the operands' type. Chip rule:
   * `broadcast-rank-3`.
   */
  maximum = (x: Operand, y: Operand): MilValue => this.#binary('maximum', x, y);
  /**
   * The smaller of x and y, element by element. Shapes broadcast. fp16, fp32 or int32; the result has the operands' type. Chip rule:
   * `broadcast-rank-3`.
   */
  minimum = (x: Operand, y: Operand): MilValue => this.#binary('minimum', x, y);

  /** x = y, element by element, as bool. Shapes broadcast. fp16, fp32, int32 or bool. */
  equal = (x: Operand, y: Operand): MilValue => this.#binary('equal', x, y, 'bool');
  /** x ≠ y, element by element, as bool. Shapes broadcast. fp16, fp32, int32 or bool. */
  notEqual = (x: Operand, y: Operand): MilValue => this.#binary('not_equal', x, y, 'bool');
  /** x < y, element by element, as bool. Shapes broadcast. fp16, fp32 or int32. */
  less = (x: Operand, y: Operand): MilValue => this.#binary('less', x, y, 'bool');
  /** x ≤ y, element by element, as bool. Shapes broadcast. fp16, fp32 or int32. */
  lessEqual = (x: Operand, y: Operand): MilValue => this.#binary('less_equal', x, y, 'bool');
  /** x > y, element by element, as bool. Shapes broadcast. fp16, fp32 or int32. */
  greater = (x: Operand, y: Operand): MilValue => this.#binary('greater', x, y, 'bool');
  /** x ≥ y, element by element, as bool. Shapes broadcast. fp16, fp32 or int32. */
  greaterEqual = (x: Operand, y: Operand): MilValue => this.#binary('greater_equal', x, y, 'bool');

  /**
   * √x of each element. fp16 or fp32; shape and type stay. Neural Engines refuse it after a reduction, and compute a wrong root of a
   * quotient: chip rules `root-after-reduction`, `root-of-quotient`.
   */
  sqrt = (x: MilValue): MilValue => this.#unary('sqrt', x);
  /** e to the power x of each element. fp16 or fp32; shape and type stay. */
  exp = (x: MilValue): MilValue => this.#unary('exp', x);
  /** 1 / (1 + e⁻ˣ) of each element. fp16 or fp32; shape and type stay. Neural Engines read it from a coarse table: chip rule `sigmoid-table`. */
  sigmoid = (x: MilValue): MilValue => this.#unary('sigmoid', x);
  /** x · sigmoid(x) of each element. fp16 or fp32; shape and type stay. Chip rule: `sigmoid-table`. */
  silu = (x: MilValue): MilValue => this.#unary('silu', x);
  /** Hyperbolic tangent of each element. fp16 or fp32; shape and type stay. */
  tanh = (x: MilValue): MilValue => this.#unary('tanh', x);
  /** Error function of each element. fp16 or fp32; shape and type stay. */
  erf = (x: MilValue): MilValue => this.#unary('erf', x);
  /** max(x, 0) of each element. fp16 or fp32; shape and type stay. */
  relu = (x: MilValue): MilValue => this.#unary('relu', x);
  /**
   * 1/√(x + epsilon) of each element. fp16 or fp32, where fp16 rounds the default of epsilon to 0; shape and type stay. Chip rules:
   * `root-after-reduction`, `rsqrt`.
   */
  rsqrt = (x: MilValue, epsilon = 1e-12): MilValue => this.#unary('rsqrt', x, epsilon);
  /** ln(x + epsilon) of each element. fp16 or fp32, where fp16 rounds the default of epsilon to 0; shape and type stay. Chip rule: `logarithm`. */
  log = (x: MilValue, epsilon = 1e-45): MilValue => this.#unary('log', x, epsilon);
  /** x · Φ(x) of each element, where Φ is the normal distribution. fp16 or fp32; shape and type stay. Default of `mode`: `EXACT`. */
  gelu(x: MilValue, mode: GeluMode = 'EXACT'): MilValue {
    expectFloat('gelu', x);
    return this.#one('gelu', { mode: this.#string('mode', mode), x }, x.dtype, x.shape);
  }
  /** A copy of x. Any type; shape and type stay. */
  identity = (x: MilValue): MilValue => this.#one('identity', { x }, x.dtype, x.shape);

  /**
   * Sum over `axes`; negative axes count from the end. fp16, fp32 or int32; the type stays. The axes have size 1 in the result, or are
   * dropped with `keepDims` false. Chip rules: `reduction-with-matmul`, `norm-with-products`.
   */
  reduceSum = (x: MilValue, axes: readonly number[], keepDims = true): MilValue =>
    this.#reduce('reduce_sum', x, axes, keepDims);
  /**
   * Arithmetic mean over `axes`; negative axes count from the end. fp16 or fp32; the type stays. The axes have size 1 in the result, or
   * are dropped with `keepDims` false. Some Neural Engines refuse it: chip rules `reduce-mean`, `reduction-with-matmul`,
   * `norm-with-products`.
   */
  reduceMean = (x: MilValue, axes: readonly number[], keepDims = true): MilValue =>
    this.#reduce('reduce_mean', x, axes, keepDims);
  /**
   * Maximum over `axes`; negative axes count from the end. fp16, fp32 or int32; the type stays. The axes have size 1 in the result, or
   * are dropped with `keepDims` false.
   */
  reduceMax = (x: MilValue, axes: readonly number[], keepDims = true): MilValue =>
    this.#reduce('reduce_max', x, axes, keepDims);

  /** `a` where `condition` is true, otherwise `b`; shapes broadcast. */
  select(condition: MilValue, a: Operand, b: Operand): MilValue {
    expectType(condition.dtype === 'bool', 'a bool condition', condition.dtype);
    const [left, right] = this.#operands('select', a, b);
    const shape = broadcastShape(condition.shape, broadcastShape(left.shape, right.shape));
    return this.#one('select', { a: left, b: right, cond: condition }, left.dtype, shape);
  }

  /** Converts to another type; from floats to integers, it rounds towards zero. */
  cast(x: MilValue, dtype: DType): MilValue {
    return this.#one('cast', { dtype: this.#string('dtype', dtype), x }, dtype, x.shape);
  }

  /**
   * e to the power x, divided by the sum of that along `axis`; a negative axis counts from the end. fp16 or fp32; shape and type stay.
   * Chip rule: `softmax-axis`.
   */
  softmax(x: MilValue, axis: number): MilValue {
    expectFloat('softmax', x);
    return this.#one('softmax', { axis: this.#int('axis', resolveAxis(axis, x.shape.length)), x }, x.dtype, x.shape);
  }

  /** x [n, Cin, …], weight [Cout, Cin/groups, …] → [n, Cout, …]: cross-correlation over one to three spatial axes. */
  conv(x: MilValue, weight: MilValue, options: ConvOptions = {}): MilValue {
    expectFloat('conv', x);
    expectSameType('conv', x, weight);
    const spatial = Math.max(x.shape.length - 2, 0);
    const ones: readonly number[] = Array(spatial).fill(1);
    const { strides = ones, dilations = ones, pad = Array<number>(2 * spatial).fill(0), groups = 1 } = options;
    const { padType = 'valid' } = options;
    const shape = convShape(x.shape, weight.shape, { strides, dilations, pad, padType, groups });
    const attributes = {
      dilations: this.#ints('dilations', dilations),
      groups: this.#int('groups', groups),
      pad: this.#ints('pad', pad),
      pad_type: this.#string('pad_type', padType),
      strides: this.#ints('strides', strides),
    };
    return this.#one('conv', { ...attributes, weight, x }, x.dtype, shape);
  }

  /** Largest element of each window [*kernelSizes] over the spatial axes of x [n, C, …]. fp16 or fp32; the type stays. */
  maxPool = (x: MilValue, kernelSizes: readonly number[], options: PoolOptions = {}): MilValue =>
    this.#pool('max_pool', x, kernelSizes, options);

  /**
   * Mean of each window [*kernelSizes] over the spatial axes of x [n, C, …]. fp16 or fp32; the type stays. The zeros of the padding count,
   * unless `excludePadding` is true.
   */
  avgPool(
    x: MilValue,
    kernelSizes: readonly number[],
    options: PoolOptions & { readonly excludePadding?: boolean } = {},
  ): MilValue {
    const { excludePadding = false, ...pooling } = options;
    const attributes = { exclude_padding_from_average: this.#bool('exclude_padding', excludePadding) };
    return this.#pool('avg_pool', x, kernelSizes, pooling, attributes);
  }

  /** x [*D, Dᵢₙ], weight [Dₒᵤₜ, Dᵢₙ], bias [Dₒᵤₜ] → [*D, Dₒᵤₜ]: x · weightᵀ + bias. fp16 or fp32. */
  linear(x: MilValue, weight: MilValue, bias?: MilValue): MilValue {
    expectFloat('linear', x);
    expectSameType('linear', x, weight);
    const shape = linearShape(x.shape, weight.shape);
    if (bias !== undefined) expectTensor('a bias', bias, x.dtype, [shape.at(-1)!]);
    return this.#one('linear', { ...(bias === undefined ? {} : { bias }), weight, x }, x.dtype, shape);
  }

  /**
   * gamma · (x − mean) / √(variance + epsilon) + beta, where mean and variance are those of the elements along `axes`; negative axes count
   * from the end. fp16 or fp32; shape and type stay.
   */
  layerNorm(x: MilValue, axes: readonly number[], options: LayerNormOptions = {}): MilValue {
    expectFloat('layer_norm', x);
    const { gamma, beta, epsilon = 1e-5 } = options;
    const normalized = normalizedShape(x.shape, axes);
    for (const value of [gamma, beta])
      if (value !== undefined) expectTensor('gamma and beta', value, x.dtype, normalized);
    const attributes = {
      axes: this.#ints('axes', axes),
      ...(beta === undefined ? {} : { beta }),
      epsilon: this.#graph.literal(x.dtype, [], [epsilon], 'epsilon'),
      ...(gamma === undefined ? {} : { gamma }),
    };
    return this.#one('layer_norm', { ...attributes, x }, x.dtype, x.shape);
  }

  /**
   * softmax(query · keyᵀ / √E + mask) · value for query [*B, L, E], key [*B, S, E] and value [*B, S, EV], of one type, fp16 or fp32. The mask
   * broadcasts to [*B, L, S]: floats are added, and where a bool is false, a key is left out. ios18 only. Neural Engines are reported to ignore
   * the mask: chip rule `attention-mask`.
   */
  scaledDotProductAttention(query: MilValue, key: MilValue, value: MilValue, mask?: MilValue): MilValue {
    expectFloat('scaled_dot_product_attention', query);
    for (const other of [key, value]) expectSameType('scaled_dot_product_attention', query, other);
    const shape = attentionShape(query.shape, key.shape, value.shape, mask?.shape ?? null);
    const extra: Arguments = mask === undefined ? {} : { attn_mask: mask };
    return this.#one('scaled_dot_product_attention', { ...extra, key, query, value }, query.dtype, shape);
  }

  /** Product of the last two axes; those before broadcast. */
  matmul(x: MilValue, y: MilValue, transpose: { readonly x?: boolean; readonly y?: boolean } = {}): MilValue {
    expectSameType('matmul', x, y);
    const { x: transposeX = false, y: transposeY = false } = transpose;
    const shape = matmulShape(x.shape, y.shape, transposeX, transposeY);
    const flags = {
      transpose_x: this.#bool('transpose_x', transposeX),
      transpose_y: this.#bool('transpose_y', transposeY),
    };
    return this.#one('matmul', { ...flags, x, y }, x.dtype, shape);
  }

  /** Row-major reinterpretation; one size may be −1. */
  reshape(x: MilValue, shape: readonly number[]): MilValue {
    const result = reshapeShape(x.shape, shape);
    return this.#one('reshape', { shape: this.#ints('shape', result), x }, x.dtype, result);
  }

  /**
   * Reorders axes: axis i of the result is axis `permutation[i]` of x. Any type.
   *
   * @param permutation Every axis of x once, from 0.
   */
  transpose(x: MilValue, permutation: readonly number[]): MilValue {
    const shape = transposeShape(x.shape, permutation);
    return this.#one('transpose', { perm: this.#ints('perm', permutation), x }, x.dtype, shape);
  }

  /**
   * Joins values along `axis`; a negative axis counts from the end. All have one type, one rank, and equal sizes but along the axis, where
   * sizes add up. Neural Engines do not join slices of the last axis along it: chip rules `width-concat`, `concat`, `fan-in`.
   */
  concat(values: readonly MilValue[], axis: number): MilValue {
    const [first] = values;
    expectType(first !== undefined, 'values to concatenate', 'none');
    for (const value of values) expectSameType('concat', first, value);
    const at = resolveAxis(axis, first.shape.length);
    const shapes = values.map(({ shape }) => shape);
    const attributes = { axis: this.#int('axis', at), interleave: this.#bool('interleave', false) };
    return this.#one('concat', { ...attributes, values }, first.dtype, concatShape(shapes, at));
  }

  /** Cuts `x` along an axis into `parts` equal parts, or into parts of the given sizes. */
  split(x: MilValue, parts: number | readonly number[], axis: number): readonly MilValue[] {
    const at = resolveAxis(axis, x.shape.length);
    const size = x.shape[at]!;
    const sizes: readonly number[] = typeof parts === 'number' ? Array(parts).fill(size / parts) : parts;
    const whole = sizes.every((part) => Number.isInteger(part) && part >= 1);
    const covers = whole && sizes.reduce((sum, part) => sum + part, 0) === size;
    expectType(covers, `parts of ${size} along axis ${at} of ${shown(x.shape)}`, shown(sizes));
    const results = sizes.map((part) => new MilValue(x.dtype, x.shape.with(at, part)));
    const how: Arguments =
      typeof parts === 'number'
        ? { num_splits: this.#int('num_splits', parts) }
        : { split_sizes: this.#ints('split_sizes', parts) };
    return this.#graph.operation('split', { axis: this.#int('axis', at), ...how, x }, results);
  }

  /** A size of −1 reaches to the end. */
  sliceBySize(x: MilValue, begin: readonly number[], size: readonly number[]): MilValue {
    const shape = sliceBySizeShape(x.shape, begin, size);
    return this.#one(
      'slice_by_size',
      { x, begin: this.#ints('begin', begin), size: this.#ints('size', shape) },
      x.dtype,
      shape,
    );
  }

  /** Python's slicing, axis by axis. */
  sliceByIndex(x: MilValue, begin: readonly number[], end: readonly number[], options: SliceOptions = {}): MilValue {
    const none: readonly boolean[] = x.shape.map(() => false);
    const { stride = x.shape.map(() => 1), beginMask = none, endMask = none, squeezeMask = none } = options;
    const masks = { begin: beginMask, end: endMask, squeeze: squeezeMask };
    const shape = sliceByIndexShape(x.shape, begin, end, stride, masks);
    const attributes = {
      begin: this.#ints('begin', begin),
      begin_mask: this.#bools('begin_mask', beginMask),
      end: this.#ints('end', end),
      end_mask: this.#bools('end_mask', endMask),
      squeeze_mask: this.#bools('squeeze_mask', squeezeMask),
      stride: this.#ints('stride', stride),
    };
    return this.#one('slice_by_index', { ...attributes, x }, x.dtype, shape);
  }

  /** x[…, indices, …] along `axis`; indices are int32. */
  gather(x: MilValue, indices: MilValue, axis: number): MilValue {
    expectType(indices.dtype === 'int32', 'int32 indices for gather', indices.dtype);
    const at = resolveAxis(axis, x.shape.length);
    const attributes = { axis: this.#int('axis', at), batch_dims: this.#int('batch_dims', 0) };
    const validated: Arguments =
      this.#graph.dialect === 'ios16' ? {} : { validate_indices: this.#bool('validate_indices', false) };
    return this.#one(
      'gather',
      { ...attributes, indices, ...validated, x },
      x.dtype,
      gatherShape(x.shape, indices.shape, at),
    );
  }

  /**
   * Repeats x `reps[i]` times along each axis i, one after the other: sizes [s₀, s₁, …] become [s₀ · reps[0], s₁ · reps[1], …]. Any type. Chip
   * rule: `tile`.
   *
   * @param reps From 1 up, one for each axis.
   */
  tile(x: MilValue, reps: readonly number[]): MilValue {
    return this.#one('tile', { reps: this.#ints('reps', reps), x }, x.dtype, tileShape(x.shape, reps));
  }

  /**
   * Inserts axes of size 1. Any type.
   *
   * @param axes Their places in the result; negative ones count from its end.
   */
  expandDims(x: MilValue, axes: readonly number[]): MilValue {
    return this.#one('expand_dims', { axes: this.#ints('axes', axes), x }, x.dtype, expandDimsShape(x.shape, axes));
  }

  /**
   * Drops axes of size 1. Any type.
   *
   * @param axes Axes of x; negative ones count from the end.
   */
  squeeze(x: MilValue, axes: readonly number[]): MilValue {
    return this.#one('squeeze', { axes: this.#ints('axes', axes), x }, x.dtype, squeezeShape(x.shape, axes));
  }

  #one(operation: string, arguments_: Arguments, dtype: MilDType, shape: readonly number[]): MilValue {
    return this.#graph.operation(operation, arguments_, [new MilValue(dtype, shape)])[0]!;
  }

  #pool(
    operation: string,
    x: MilValue,
    kernelSizes: readonly number[],
    options: PoolOptions,
    extra: Arguments = {},
  ): MilValue {
    expectFloat(operation, x);
    const { strides = kernelSizes.map(() => 1), pad = kernelSizes.flatMap(() => [0, 0]) } = options;
    const { padType = 'valid', ceilMode = false } = options;
    const shape = poolShape(x.shape, { kernelSizes, strides, pad, padType, ceilMode });
    const attributes = {
      ceil_mode: this.#bool('ceil_mode', ceilMode),
      ...extra,
      kernel_sizes: this.#ints('kernel_sizes', kernelSizes),
      pad: this.#ints('pad', pad),
      pad_type: this.#string('pad_type', padType),
      strides: this.#ints('strides', strides),
    };
    return this.#one(operation, { ...attributes, x }, x.dtype, shape);
  }

  #unary(operation: string, x: MilValue, epsilon?: number): MilValue {
    expectFloat(operation, x);
    const extra: Arguments =
      epsilon === undefined ? {} : { epsilon: this.#graph.literal(x.dtype, [], [epsilon], 'epsilon') };
    return this.#one(operation, { ...extra, x }, x.dtype, x.shape);
  }

  #binary(operation: string, x: Operand, y: Operand, dtype?: DType): MilValue {
    const [left, right] = this.#operands(operation, x, y);
    return this.#one(operation, { x: left, y: right }, dtype ?? left.dtype, broadcastShape(left.shape, right.shape));
  }

  #reduce(operation: string, x: MilValue, axes: readonly number[], keepDims: boolean): MilValue {
    const shape = reduceShape(x.shape, axes, keepDims);
    const attributes = { axes: this.#ints('axes', axes), keep_dims: this.#bool('keep_dims', keepDims) };
    return this.#one(operation, { ...attributes, x }, x.dtype, shape);
  }

  #operands(operation: string, x: Operand, y: Operand): [MilValue, MilValue] {
    const dtype = x instanceof MilValue ? x.dtype : y instanceof MilValue ? y.dtype : null;
    expectType(dtype !== null, `a tensor among the operands of ${operation}`, 'two numbers');
    const value = (operand: Operand) =>
      operand instanceof MilValue ? operand : this.#graph.literal(dtype, [], [operand], 'scalar');
    const pair: [MilValue, MilValue] = [value(x), value(y)];
    expectSameType(operation, ...pair);
    return pair;
  }

  readonly #int = (name: string, value: number): MilValue => this.#graph.literal('int32', [], [value], name);
  readonly #string = (name: string, value: string): MilValue => this.#graph.literal('string', [], [value], name);
  readonly #ints = (name: string, values: readonly number[]): MilValue =>
    this.#graph.literal('int32', [values.length], values, name);
  readonly #bool = (name: string, value: boolean): MilValue => this.#graph.literal('bool', [], [value], name);
  readonly #bools = (name: string, values: readonly boolean[]): MilValue =>
    this.#graph.literal('bool', [values.length], values, name);
}

function expectSameType(operation: string, x: MilValue, y: MilValue): void {
  expectType(x.dtype === y.dtype, `operands of one type for ${operation}`, `${x.dtype} and ${y.dtype}`);
}

function expectTensor(what: string, { dtype, shape }: MilValue, expected: MilDType, size: readonly number[]): void {
  const fits = dtype === expected && shown(shape) === shown(size);
  expectType(fits, `${what} of ${expected} ${shown(size)}`, `${dtype} ${shown(shape)}`);
}

function expectFloat(operation: string, x: MilValue): void {
  expectType(x.dtype === 'fp16' || x.dtype === 'fp32', `fp16 or fp32 for ${operation}`, x.dtype);
}
