import { type DType, invalidArgument } from '@mayfly/native';
import {
  type Dialect,
  expectType,
  literalText,
  type MilDType,
  type MilProgram,
  type PortType,
  type Scalar,
  typeText,
} from './types.js';
import { layOutWeightFile, type WeightTensor } from './weight-file.js';

/** A tensor or scalar of a program under construction. */
export class MilValue {
  constructor(
    readonly dtype: MilDType,
    readonly shape: readonly number[],
  ) {}
}

/** Options of `MilBuilder`: the form of the text and of the weight files. */
export interface MilOptions {
  /** Operation set: M1 and M2 need `ios16`. Default: `ios18`. */
  readonly dialect?: Dialect;
  /** `single` (the default) is `@model_path/weights/weight.bin`; `per-tensor` is a file for each, as M1 needs. */
  readonly weightFiles?: 'single' | 'per-tensor';
}

/** Arguments of an operation in the order of the text; a list is a tuple. */
export type Arguments = Readonly<Record<string, MilValue | readonly MilValue[]>>;

interface Statement {
  readonly operation: string;
  readonly hint: string;
  readonly arguments: Arguments;
  readonly results: readonly MilValue[];
  /** For a constant: its literal, or its tensor in a weight file. */
  readonly content?: string | WeightTensor;
}

/** The place of each tensor in the weight files, by name. */
type BlobPlaces = ReadonlyMap<string, { readonly path: string; readonly recordOffset: number }>;

/** The statements of one function. `build` writes those that the outputs depend on. */
export class MilGraph {
  readonly dialect: Dialect;
  readonly #weightFiles: 'single' | 'per-tensor';
  readonly #statements: Statement[] = [];
  readonly #producers = new Map<MilValue, Statement | null>();
  readonly #literals = new Map<string, MilValue>();
  readonly #inputs: { readonly port: PortType; readonly value: MilValue }[] = [];
  readonly #outputs: { readonly port: PortType; readonly value: MilValue }[] = [];

  constructor({ dialect = 'ios18', weightFiles = 'single' }: MilOptions) {
    this.dialect = dialect;
    this.#weightFiles = weightFiles;
  }

  input(port: PortType): MilValue {
    const value = new MilValue(port.dtype, port.shape);
    this.#producers.set(value, null);
    this.#inputs.push({ port, value });
    return value;
  }

  output(name: string, value: MilValue): void {
    const { dtype, shape } = this.#owned(value);
    const isPort = this.#outputs.some((output) => output.value === value);
    const copied = isPort || this.#producers.get(value)?.content !== undefined || this.#producers.get(value) === null;
    const own = copied ? this.operation('identity', { x: value }, [new MilValue(dtype, shape)])[0]! : value;
    this.#outputs.push({ port: { name, dtype: dtype as DType, shape }, value: own });
  }

  /** A constant in the text. Equal constants with the same hint become one. */
  literal(dtype: MilDType, shape: readonly number[], values: readonly Scalar[], hint: string): MilValue {
    const text = literalText(this.dialect, dtype, shape, values);
    const key = `${hint} ${text}`;
    const known = this.#literals.get(key);
    if (known !== undefined) return known;
    const value = new MilValue(dtype, shape);
    this.#literals.set(key, value);
    this.#add({ operation: 'const', hint, arguments: {}, results: [value], content: text });
    return value;
  }

  /** A constant in a weight file. */
  weight(tensor: WeightTensor): MilValue {
    const isRepeated = this.#statements.some(
      ({ content }) => typeof content === 'object' && content.name === tensor.name,
    );
    if (isRepeated || !/^[\w.-]+$/.test(tensor.name)) {
      throw invalidArgument('name', 'a new name of letters, digits, `_`, `.` and `-`', tensor.name);
    }
    const hint = tensor.name.replace(/\W/g, '_').replace(/^(?=\d)/, '_');
    const value = new MilValue(tensor.dtype, tensor.shape);
    this.#add({ operation: 'const', hint, arguments: {}, results: [value], content: tensor });
    return value;
  }

  operation(operation: string, arguments_: Arguments, results: readonly MilValue[]): readonly MilValue[] {
    for (const value of Object.values(arguments_).flat()) this.#owned(value);
    this.#add({ operation, hint: operation, arguments: arguments_, results });
    return results;
  }

  build(): MilProgram {
    expectType(this.#outputs.length > 0, 'a program with outputs', 'none');
    const statements = this.#liveStatements();
    const names = this.#nameValues(statements);
    const weights = statements.map(({ content }) => content).filter((content) => typeof content === 'object');
    const weightFiles =
      this.#weightFiles === 'per-tensor'
        ? weights.map((weight) => layOutWeightFile(`@model_path/weights/${weight.name}.bin`, [weight]))
        : [layOutWeightFile('@model_path/weights/weight.bin', weights)].filter(({ records }) => records.length > 0);
    const files: BlobPlaces = new Map(
      weightFiles.flatMap(({ path, records }) =>
        records.map(({ name, recordOffset }) => [name, { path, recordOffset }]),
      ),
    );
    const lines = statements.map((statement) => this.#line(statement, names, files));
    const parameters = this.#inputs.map(({ port, value }) => `${this.#type(value)} ${port.name}`).join(', ');
    const returned = this.#outputs.map(({ port }) => port.name).join(', ');
    const main = [`    func main<${this.dialect}>(${parameters}) {`, ...lines, `    } -> (${returned});`];
    return {
      text: [...header[this.dialect], '{', ...main, '}', ''].join('\n'),
      inputs: this.#inputs.map(({ port }) => port),
      outputs: this.#outputs.map(({ port }) => port),
      weightFiles,
    };
  }

  #add(statement: Statement): void {
    this.#statements.push(statement);
    for (const result of statement.results) this.#producers.set(result, statement);
  }

  #owned(value: MilValue): MilValue {
    expectType(this.#producers.has(value), 'a value of this builder', 'one of another');
    return value;
  }

  /** The Neural Engine's compiler rejects statements that no output depends on. */
  #liveStatements(): readonly Statement[] {
    const live = new Set<Statement>();
    const pending = this.#outputs.map(({ value }) => value);
    for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
      const statement = this.#producers.get(value);
      if (statement == null || live.has(statement)) continue;
      live.add(statement);
      for (const argument of Object.values(statement.arguments).flat()) pending.push(argument);
    }
    return this.#statements.filter((statement) => live.has(statement));
  }

  #nameValues(statements: readonly Statement[]): ReadonlyMap<MilValue, string> {
    const names = new Names();
    const named = new Map(
      [...this.#inputs, ...this.#outputs].map(({ port, value }) => [value, names.reserve(port.name)]),
    );
    for (const { results, hint } of statements) {
      for (const value of results) if (!named.has(value)) named.set(value, names.choose(hint));
    }
    return named;
  }

  #line(statement: Statement, names: ReadonlyMap<MilValue, string>, files: BlobPlaces): string {
    const { operation, results, content } = statement;
    const declarations = results.map((value) => `${this.#type(value)} ${names.get(value)}`).join(', ');
    const passed = Object.entries(statement.arguments).map(([key, value]) =>
      value instanceof MilValue
        ? `${key} = ${names.get(value)}`
        : `${key} = (${value.map((each) => names.get(each)).join(', ')})`,
    );
    const attributes = [`name = ${this.#string(names.get(results[0]!)!)}`];
    if (typeof content === 'string') attributes.push(`val = ${content}`);
    if (typeof content === 'object') {
      const { path, recordOffset } = files.get(content.name)!;
      const offset = literalText(this.dialect, 'uint64', [], [recordOffset]);
      attributes.push(`val = ${this.#type(results[0]!)}(BLOBFILE(path = ${this.#string(path)}, offset = ${offset}))`);
    }
    return `        ${declarations} = ${operation}(${passed.join(', ')})[${attributes.join(', ')}];`;
  }

  #type({ dtype, shape }: MilValue): string {
    return typeText(this.dialect, dtype, shape);
  }

  #string(value: string): string {
    return literalText(this.dialect, 'string', [], [value]);
  }
}

/** The first lines of a program, by operation set. The dictionary must be on one line. */
const header: Readonly<Record<Dialect, readonly string[]>> = {
  ios18: [
    'program(1.3)',
    '[buildInfo = dict<string, string>({{"coremlc-component-MIL", "3510.2.1"}, {"coremlc-version", "3505.4.1"}, ' +
      '{"coremltools-component-milinternal", ""}, {"coremltools-version", "9.0"}})]',
  ],
  ios16: [
    'program(1.0)',
    '[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{"coremlc-version", "3505.4.1"}})]',
  ],
};

/** Words of MIL's grammar and its types. */
const keywords = new Set(
  (
    'program func const tensor dict buildInfo BLOBFILE true false inf nan ' +
    'string bool fp16 fp32 int8 uint8 int16 uint16 int32 uint64 uint32 int4 uint1 uint2 uint3 uint4 uint6'
  ).split(' '),
);

/** Chooses unique names for values. */
export class Names {
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();

  /** Reserves `name` itself, for a port. */
  reserve(name: string): string {
    const valid = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !keywords.has(name);
    expectType(valid, 'a port name of letters, digits and underscores that is no MIL keyword', `\`${name}\``);
    expectType(!this.#taken.has(name), 'port names that differ', `\`${name}\` twice`);
    this.#taken.add(name);
    return name;
  }

  /**
   * Reserves `<hint>_<n>` with the first free n. Never the hint alone: on the Neural Engine, values named `add`, `mean` or `x`
   * have been observed to be zeros.
   */
  choose(hint: string): string {
    let count = this.#next.get(hint) ?? 0;
    while (this.#taken.has(`${hint}_${count}`)) count++;
    this.#next.set(hint, count + 1);
    this.#taken.add(`${hint}_${count}`);
    return `${hint}_${count}`;
  }
}
