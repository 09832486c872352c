import type { DType } from '@mayfly/native';

/** A port as MIL text declares it. */
export interface PortType {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** One tensor of a weight file. */
export interface WeightRecord {
  readonly name: string;
  readonly dtype: 'fp16' | 'fp32' | 'int8' | 'uint8' | 'int32';
  readonly shape: readonly number[];
  /** Byte offset of the 64-byte metadata record: what BLOBFILE names. */
  readonly recordOffset: number;
  /** Byte offset of the data. */
  readonly dataOffset: number;
  readonly bytes: number;
}

/** A weight file as MILBlob v2 lays it out, without its data. */
export interface WeightFileLayout {
  /** As BLOBFILE writes it, e.g. `@model_path/weights/weight.bin`. */
  readonly path: string;
  readonly bytes: number;
  readonly records: readonly WeightRecord[];
}

/** What a device compiles, but for the weights' values: MIL text and where each constant lies. */
export interface MilProgram {
  readonly text: string;
  readonly inputs: readonly PortType[];
  readonly outputs: readonly PortType[];
  readonly weightFiles: readonly WeightFileLayout[];
}
