/** Some of a model's parameters, as they are read. */
export interface ParameterPiece {
  /** Of the first of them in the flat block, in elements. */
  readonly offset: number;
  /** fp32. They may be changed, and are others when the next piece comes. */
  readonly values: Float32Array;
}

/** Takes a model's parameters piece by piece; the next piece comes when it is done. */
export type ParameterSink = (piece: ParameterPiece) => void | Promise<void>;

/** Where a model's parameters are read to: the flat block, with an element for each, or a function, which needs no memory for all of them. */
export type ParameterTarget = Float32Array | ParameterSink;

/** Elements of a piece at most: 1 MiB. */
export const PIECE_ELEMENTS = 2 ** 18;

export const sinkOf = (target: ParameterTarget): ParameterSink =>
  typeof target === 'function' ? target : ({ offset, values }) => target.set(values, offset);
