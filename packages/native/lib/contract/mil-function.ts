/** A place in MIL text, counted from 1, columns in bytes. */
export interface MilPosition {
  readonly line: number;
  readonly column: number;
}

/** A parameter or the result of an operation, of the type that the text declares. */
export interface MilDeclaration extends MilPosition {
  readonly name: string;
  /** An element type of tensors, or one that only constants have: `string`, `uint64`, `uint4`, … */
  readonly dtype: string;
  /** [] for scalars. */
  readonly shape: readonly number[];
}

/** A value given by name. */
export interface MilReference extends MilPosition {
  readonly name: string;
}

/** A value written out: `dtype` and `shape` where the text says them, then a place in a weight file or elements. */
export interface MilLiteral extends MilPosition {
  readonly dtype?: string;
  readonly shape?: readonly number[];
  readonly blob?: { readonly path: string; readonly offset: number };
  readonly count?: number;
  /** Flattened values; absent if there are more than 4096. */
  readonly elements?: readonly (number | boolean | string)[];
}

/** `name = value`, or `name = (value, …)`. */
export interface MilArgument extends MilPosition {
  readonly name: string;
  readonly values: readonly (MilReference | MilLiteral)[];
}

/** One statement; constants are operations `const` whose value is the attribute `val`. */
export interface MilOperation extends MilPosition {
  readonly operation: string;
  readonly results: readonly MilDeclaration[];
  readonly arguments: readonly MilArgument[];
  readonly attributes: readonly MilArgument[];
}

/** A function of a parsed program: types as declared, names not resolved, operations not known to any device among them. */
export interface MilFunction {
  readonly name: string;
  /** The names of all functions of the program, in the order of the text. */
  readonly functions: readonly string[];
  /** Operation set, e.g. `ios18`. */
  readonly opset: string;
  readonly inputs: readonly MilDeclaration[];
  readonly operations: readonly MilOperation[];
  readonly outputs: readonly MilReference[];
}

/** A record of a weight file that cannot be read (`error`), or is read although it does not describe its tensor. */
export interface MilRecordFinding extends MilPosition {
  readonly level: 'error' | 'warning';
  readonly message: string;
}
