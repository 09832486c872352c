import * as float16 from '@petamoriken/float16';

/** An array of IEEE binary16 numbers: Node's own class (Node 24 and later), otherwise that of the float16 package. */
export type Float16Array = float16.Float16Array;

export const Float16Array: float16.Float16ArrayConstructor =
  (globalThis as { Float16Array?: float16.Float16ArrayConstructor }).Float16Array ?? float16.Float16Array;

/** The nearest binary16 number, ties to even. Overflow gives an infinity. */
export const roundToFloat16: (value: number) => number = float16.f16round;
