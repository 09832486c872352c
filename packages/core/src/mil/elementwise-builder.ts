import type { DType } from '@mayfly/native';
import { broadcastShape, reduceShape } from './infer-shape.js';
import { type Arguments, MilGraph, type MilOptions, MilValue } from './mil-graph.js';
import { expectType, type MilDType } from './mil-type.js';

/** A value, or a number that becomes a scalar constant of the other operand's type. */
export type Operand = MilValue | number;

/** The operations on elements, and what every method of `MilBuilder` is made of. Two operands broadcast as in NumPy. */
export class ElementwiseBuilder {
  protected readonly graph: MilGraph;

  constructor(options: MilOptions = {}) {
    this.graph = new MilGraph(options);
  }

  add = (x: Operand, y: Operand): MilValue => this.#binary('add', x, y);
  sub = (x: Operand, y: Operand): MilValue => this.#binary('sub', x, y);
  mul = (x: Operand, y: Operand): MilValue => this.#binary('mul', x, y);
  realDiv = (x: Operand, y: Operand): MilValue => this.#binary('real_div', x, y);
  pow = (x: Operand, y: Operand): MilValue => this.#binary('pow', x, y);
  maximum = (x: Operand, y: Operand): MilValue => this.#binary('maximum', x, y);
  minimum = (x: Operand, y: Operand): MilValue => this.#binary('minimum', x, y);

  equal = (x: Operand, y: Operand): MilValue => this.#binary('equal', x, y, 'bool');
  notEqual = (x: Operand, y: Operand): MilValue => this.#binary('not_equal', x, y, 'bool');
  less = (x: Operand, y: Operand): MilValue => this.#binary('less', x, y, 'bool');
  lessEqual = (x: Operand, y: Operand): MilValue => this.#binary('less_equal', x, y, 'bool');
  greater = (x: Operand, y: Operand): MilValue => this.#binary('greater', x, y, 'bool');
  greaterEqual = (x: Operand, y: Operand): MilValue => this.#binary('greater_equal', x, y, 'bool');

  sqrt = (x: MilValue): MilValue => this.#unary('sqrt', x);
  exp = (x: MilValue): MilValue => this.#unary('exp', x);
  sigmoid = (x: MilValue): MilValue => this.#unary('sigmoid', x);
  silu = (x: MilValue): MilValue => this.#unary('silu', x);
  tanh = (x: MilValue): MilValue => this.#unary('tanh', x);
  relu = (x: MilValue): MilValue => this.#unary('relu', x);
  /** 1/√(x + epsilon). */
  rsqrt = (x: MilValue, epsilon = 1e-12): MilValue => this.#unary('rsqrt', x, epsilon);
  /** ln(x + epsilon). */
  log = (x: MilValue, epsilon = 1e-45): MilValue => this.#unary('log', x, epsilon);
  identity = (x: MilValue): MilValue => this.one('identity', { x }, x.dtype, x.shape);

  reduceSum = (x: MilValue, axes: readonly number[], keepDims = true): MilValue =>
    this.#reduce('reduce_sum', x, axes, keepDims);
  reduceMean = (x: MilValue, axes: readonly number[], keepDims = true): MilValue =>
    this.#reduce('reduce_mean', x, axes, keepDims);
  reduceMax = (x: MilValue, axes: readonly number[], keepDims = true): MilValue =>
    this.#reduce('reduce_max', x, axes, keepDims);

  /** `a` where the condition holds, else `b`. */
  select(condition: MilValue, a: Operand, b: Operand): MilValue {
    expectType(condition.dtype === 'bool', 'a bool condition', condition.dtype);
    const [left, right] = this.#operands('select', a, b);
    const shape = broadcastShape(condition.shape, broadcastShape(left.shape, right.shape));
    return this.one('select', { a: left, b: right, cond: condition }, left.dtype, shape);
  }

  /** `x` as another type; floats lose their fraction towards zero on the way to integers. */
  cast(x: MilValue, dtype: DType): MilValue {
    return this.one('cast', { dtype: this.graph.literal('string', [], [dtype], 'dtype'), x }, dtype, x.shape);
  }

  protected one(operation: string, arguments_: Arguments, dtype: MilDType, shape: readonly number[]): MilValue {
    return this.graph.operation(operation, arguments_, [new MilValue(dtype, shape)])[0]!;
  }

  #unary(operation: string, x: MilValue, epsilon?: number): MilValue {
    expectFloat(operation, x);
    const extra: Arguments =
      epsilon === undefined ? {} : { epsilon: this.graph.literal(x.dtype, [], [epsilon], 'epsilon') };
    return this.one(operation, { ...extra, x }, x.dtype, x.shape);
  }

  #binary(operation: string, x: Operand, y: Operand, dtype?: DType): MilValue {
    const [left, right] = this.#operands(operation, x, y);
    return this.one(operation, { x: left, y: right }, dtype ?? left.dtype, broadcastShape(left.shape, right.shape));
  }

  #reduce(operation: string, x: MilValue, axes: readonly number[], keepDims: boolean): MilValue {
    const shape = reduceShape(x.shape, axes, keepDims);
    const attributes = { axes: this.ints('axes', axes), keep_dims: this.bool('keep_dims', keepDims) };
    return this.one(operation, { ...attributes, x }, x.dtype, shape);
  }

  #operands(operation: string, x: Operand, y: Operand): [MilValue, MilValue] {
    const dtype = x instanceof MilValue ? x.dtype : y instanceof MilValue ? y.dtype : null;
    expectType(dtype !== null, `a tensor among the operands of ${operation}`, 'two numbers');
    const value = (operand: Operand) =>
      operand instanceof MilValue ? operand : this.graph.literal(dtype, [], [operand], 'scalar');
    const pair: [MilValue, MilValue] = [value(x), value(y)];
    expectSameType(operation, ...pair);
    return pair;
  }

  protected int = (name: string, value: number): MilValue => this.graph.literal('int32', [], [value], name);
  protected ints = (name: string, values: readonly number[]): MilValue =>
    this.graph.literal('int32', [values.length], values, name);
  protected bool = (name: string, value: boolean): MilValue => this.graph.literal('bool', [], [value], name);
  protected bools = (name: string, values: readonly boolean[]): MilValue =>
    this.graph.literal('bool', [values.length], values, name);
}

export function expectSameType(operation: string, x: MilValue, y: MilValue): void {
  expectType(x.dtype === y.dtype, `operands of one type for ${operation}`, `${x.dtype} and ${y.dtype}`);
}

export function expectFloat(operation: string, x: MilValue): void {
  expectType(x.dtype === 'fp16' || x.dtype === 'fp32', `fp16 or fp32 for ${operation}`, x.dtype);
}
