import type { MilProgram } from '../mil/types.js';
import type { ModelConfig } from '../model/config.js';
import type { LayerParameter } from '../model/parameters.js';

/** What the programs of a layer are generated from. A dispatch covers `batch` windows of `sequence` tokens. */
export interface ProgramShape
  extends Pick<ModelConfig, 'dim' | 'hidden' | 'heads' | 'kvHeads' | 'headDim' | 'eps' | 'ropeBase' | 'ropePairing'> {
  readonly batch: number;
  readonly sequence: number;
}

/** A matrix within a surface [1, channels, 1, width]: element (r, c) is channel `row + r`, position `column + c`. */
export interface Slot {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** An fp16 input or output [1, channels, 1, width] and the matrices packed in it. */
export interface Surface<Name extends string> {
  readonly channels: number;
  /** Row stride of every slot, in elements. */
  readonly width: number;
  readonly slots: Readonly<Record<Name, Slot>>;
}

/** A parameter that a program reads: as it is stored, or transposed. */
export interface WeightUse {
  readonly parameter: LayerParameter;
  readonly transposed: boolean;
}

/** Dynamic weights: a parameter's place in the input surface. */
export interface PackedWeight extends WeightUse {
  readonly slot: Slot;
}

/** Static weights: a parameter's place in the weight file. Constants that never change (mask, RoPE tables) are not listed. */
export interface ConstantWeight extends WeightUse {
  /** Index into `program.weightFiles`. */
  readonly file: number;
  /** Name of the record in that file. */
  readonly record: string;
}

export interface LayerProgram<Input extends string, Output extends string> {
  readonly program: MilProgram;
  readonly input: Surface<Input>;
  readonly output: Surface<Output>;
}

/**
 * Constants that do not depend on parameters, to be written into the program's weight files before compiling: fp32 values
 * by record name.
 */
export interface FixedConstants {
  readonly constants: ReadonlyMap<string, Float32Array>;
}
