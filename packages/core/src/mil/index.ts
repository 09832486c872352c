/**
 * `@mayfly/core/mil`: programs in MIL, Apple's Model Intermediate Language, written by a builder or by hand, and the weight files
 * beside them.
 *
 * @module
 */
export type { DType } from '@mayfly/native';
export { MilError } from '@mayfly/native';
export {
  type ConvOptions,
  type GeluMode,
  type LayerNormOptions,
  MilBuilder,
  type Operand,
  type PoolOptions,
  type SliceOptions,
} from './builder.js';
export type { MilOptions, MilValue } from './graph.js';
export type { PadType } from './infer-shape.js';
export type { Dialect, MilDType, MilProgram, PortType, Scalar, WeightFileLayout, WeightRecord } from './types.js';
export { fillWeightFile, layOutWeightFile, type WeightTensor, writeBlobHeaders, writeRecord } from './weight-file.js';
