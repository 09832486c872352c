import { elementBytes, elementCount } from '../contract/arena.js';
import type { MilDeclaration, MilFunction, MilLiteral, MilOperation, MilPosition, MilReference } from '../contract.js';

type Element = number | boolean | string;

/** A value of a program with its origin. */
export interface MilValueView extends MilDeclaration {
  /** Where its bytes lie, or its elements; of a constexpr operation, those it is unpacked from. */
  readonly constant: MilLiteral | null;
  /** The operation that computes it; null for parameters and constants. */
  readonly producer: OperationView | null;
}

/** An operation whose arguments are resolved. */
export class OperationView implements MilPosition {
  readonly line: number;
  readonly column: number;
  readonly operation: string;
  readonly results: readonly MilDeclaration[];
  readonly #statement: MilOperation;
  readonly #values: ReadonlyMap<string, MilValueView>;

  constructor(statement: MilOperation, values: ReadonlyMap<string, MilValueView>) {
    this.line = statement.line;
    this.column = statement.column;
    this.operation = statement.operation;
    this.results = statement.results;
    this.#statement = statement;
    this.#values = values;
  }

  /** The first result. */
  get result(): MilDeclaration {
    return this.#statement.results[0]!;
  }

  has(name: string): boolean {
    return this.#statement.arguments.some((argument) => argument.name === name);
  }

  /** The tensors or scalars that an argument names; literals written in place are left out. */
  values(name: string): readonly MilValueView[] {
    const argument = this.#statement.arguments.find((candidate) => candidate.name === name);
    return (argument?.values ?? []).flatMap((value) => this.#resolve(value));
  }

  /** The one value of an argument. */
  value(name: string): MilValueView | undefined {
    return this.values(name)[0];
  }

  /** Every value that any argument names. */
  get operands(): readonly MilValueView[] {
    return this.#statement.arguments.flatMap(({ values }) => values.flatMap((value) => this.#resolve(value)));
  }

  /** Operands that are computed or parameters, in the order of the text. */
  get tensors(): readonly MilValueView[] {
    return this.operands.filter(({ constant }) => constant === null);
  }

  /** Names of arguments whose value is written in place. */
  get literalArguments(): readonly string[] {
    return this.#statement.arguments
      .filter(({ values }) => values.some((value) => !isReference(value)))
      .map(({ name }) => name);
  }

  /** Elements of a constant argument; undefined if it is absent, computed or long. */
  elements(name: string): readonly Element[] | undefined {
    const argument = this.#statement.arguments.find((candidate) => candidate.name === name);
    const value = argument?.values[0];
    if (value === undefined) return undefined;
    return isReference(value) ? this.#values.get(value.name)?.constant?.elements : value.elements;
  }

  numbers(name: string): readonly number[] {
    return (this.elements(name) ?? []).filter((element) => typeof element === 'number');
  }

  /** The literal of an argument, in the parentheses or, as constexpr operations have them, in the brackets. */
  attribute(name: string): MilLiteral | null {
    const { attributes, arguments: given } = this.#statement;
    const value = [...attributes, ...given].find((candidate) => candidate.name === name)?.values[0];
    if (value === undefined) return null;
    return isReference(value) ? (this.#values.get(value.name)?.constant ?? null) : value;
  }

  #resolve(value: MilReference | MilLiteral): readonly MilValueView[] {
    const found = isReference(value) ? this.#values.get(value.name) : undefined;
    return found === undefined ? [] : [found];
  }
}

/** A parsed program with names resolved, as rules and the clock read it. */
export class ProgramView {
  readonly text: string;
  readonly opset: string;
  readonly inputs: readonly MilDeclaration[];
  /** In the order of the returned tuple; names that nothing defines are left out. */
  readonly outputs: readonly MilValueView[];
  /** Without constants. */
  readonly operations: readonly OperationView[];
  readonly values: ReadonlyMap<string, MilValueView>;
  readonly #consumers = new Map<string, OperationView[]>();

  constructor(text: string, program: MilFunction) {
    const values = new Map<string, MilValueView>();
    const operations: OperationView[] = [];
    for (const input of program.inputs) values.set(input.name, { ...input, constant: null, producer: null });
    for (const statement of program.operations) {
      const isConstant = statement.operation === 'const' || statement.operation.startsWith('constexpr_');
      const constant = isConstant ? contentOf(statement) : null;
      const producer = statement.operation === 'const' ? null : new OperationView(statement, values);
      if (producer !== null && !isConstant) operations.push(producer);
      for (const result of statement.results) values.set(result.name, { ...result, constant, producer });
    }
    this.text = text;
    this.opset = program.opset;
    this.inputs = program.inputs;
    this.operations = operations;
    this.values = values;
    this.outputs = program.outputs.flatMap(({ name }) => values.get(name) ?? []);
    for (const operation of operations) {
      for (const { name } of operation.operands) {
        const consumers = this.#consumers.get(name);
        if (consumers === undefined) this.#consumers.set(name, [operation]);
        else if (!consumers.includes(operation)) consumers.push(operation);
      }
    }
  }

  /** The position of findings about the whole program: its first input, else its first operation or result. */
  get start(): MilPosition {
    return this.inputs[0] ?? this.operations[0] ?? this.outputs[0] ?? { line: 1, column: 1 };
  }

  consumers(name: string): readonly OperationView[] {
    return this.#consumers.get(name) ?? [];
  }

  *named(...operations: readonly string[]): Generator<OperationView> {
    for (const operation of this.operations) if (operations.includes(operation.operation)) yield operation;
  }

  /** Constants that lie in weight files. */
  get blobs(): readonly (MilValueView & { readonly constant: MilLiteral })[] {
    return [...this.values.values()].filter(
      (value): value is MilValueView & { readonly constant: MilLiteral } => value.constant?.blob !== undefined,
    );
  }

  get weightBytes(): number {
    return this.blobs.reduce((sum, value) => sum + storedBytes(value), 0);
  }
}

/** Element types of MIL: those of tensors, and those of constants only, of which some take less than a byte in a weight file. */
const milElementBytes: Readonly<Record<string, number>> = {
  ...elementBytes,
  ...{ uint64: 8, uint32: 4, uint6: 6 / 8, int4: 4 / 8, uint4: 4 / 8, uint3: 3 / 8, uint2: 2 / 8, uint1: 1 / 8 },
};

export const elementsOf = ({ shape }: Pick<MilDeclaration, 'shape'>): number => elementCount(shape);

/** Bytes of a dense tensor. */
export const bytesOf = (value: Pick<MilDeclaration, 'dtype' | 'shape'>): number =>
  elementsOf(value) * (milElementBytes[value.dtype] ?? 0);

/** Bytes that a constant takes in its weight file. */
export const storedBytes = (value: MilValueView): number =>
  bytesOf({ dtype: value.constant?.dtype ?? value.dtype, shape: value.constant?.shape ?? value.shape });

const CORES = 16;
const NOTCH_BYTES = 2 ** 20;

/** Whether each core reads a multiple of 1 MiB of a convolution's weights, which the engine's reads collide at (EIL, SIL). */
export function isNotched(weight: MilValueView): boolean {
  const bytes = storedBytes(weight);
  return bytes > 0 && bytes % (CORES * NOTCH_BYTES) === 0;
}

/** The literal of a const, or the data of a constexpr operation, whose arguments may stand in the brackets. */
function contentOf({ attributes, arguments: given }: MilOperation): MilLiteral | null {
  const named = [...attributes, ...given].find(({ name }) => content.has(name))?.values[0];
  return named === undefined || isReference(named) ? null : named;
}

const content: ReadonlySet<string> = new Set([
  'val',
  'quantized_data',
  'indices',
  'nonzero_data',
  'data',
  'source_val',
]);

const isReference = (value: MilReference | MilLiteral): value is MilReference => 'name' in value;
