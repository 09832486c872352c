import { encode, type Tensor } from './tensor.js';

/** How scalars are spelled: `int32(1)` in program(1.3), `tensor<int32, []>(1)` in program(1.0). */
export type Dialect = 'ios18' | 'ios16';

export type Parameter =
  | { readonly type: 'int32' | 'bool' | 'string' | 'fp16' | 'fp32'; readonly value: number | boolean | string }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'bools'; readonly value: readonly boolean[] };

export const int = (value: number): Parameter => ({ type: 'int32', value });
export const ints = (...value: number[]): Parameter => ({ type: 'ints', value });
export const bool = (value: boolean): Parameter => ({ type: 'bool', value });
export const bools = (...value: boolean[]): Parameter => ({ type: 'bools', value });
export const text = (value: string): Parameter => ({ type: 'string', value });
export const fp16 = (value: number): Parameter => ({ type: 'fp16', value });

/** Operands by the names of values, parameters as constants. */
export type Arguments = Readonly<Record<string, string | readonly string[] | Parameter>>;

export const weightPath = '@model_path/weights/weight.bin';

/** Writes MIL text as devices want it: every parameter a named constant. */
export class ProgramText {
  readonly dialect: Dialect;
  readonly inputs: Tensor[] = [];
  #blobs: Uint8Array[] = [];
  #blobBytes = 64;
  #parameters: string[] = [];
  #statements: string[] = [];
  #names = 0;

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  #type(element: string): string {
    return this.dialect === 'ios18' ? element : `tensor<${element}, []>`;
  }

  #scalar(element: string, value: string): string {
    return `${this.#type(element)}(${value})`;
  }

  #attributes(name: string): string {
    return `name = ${this.#scalar('string', `"${name}"`)}`;
  }

  #name(): string {
    return `v${this.#names++}`;
  }

  input(tensor: Tensor): string {
    const name = this.#name();
    this.#parameters.push(`${tensorType(tensor)} ${name}`);
    this.inputs.push(tensor);
    return name;
  }

  #constant(type: string, value: string): string {
    const name = this.#name();
    this.#statements.push(`${type} ${name} = const()[${this.#attributes(name)}, val = ${value}];`);
    return name;
  }

  parameter(parameter: Parameter): string {
    if (parameter.type === 'ints' || parameter.type === 'bools') {
      const type = `tensor<${parameter.type === 'ints' ? 'int32' : 'bool'}, [${parameter.value.length}]>`;
      return this.#constant(type, `${type}([${parameter.value.join(', ')}])`);
    }
    const shown = parameter.type === 'string' ? `"${parameter.value}"` : String(parameter.value);
    return this.#constant(this.#type(parameter.type), this.#scalar(parameter.type, shown));
  }

  /** An inline constant. */
  constant(tensor: Tensor): string {
    const values = tensor.dtype === 'bool' ? tensor.data.map((value) => value !== 0) : tensor.data;
    return this.#constant(tensorType(tensor), `${tensorType(tensor)}([${values.join(', ')}])`);
  }

  /** A constant in the weight file. */
  blob(tensor: Tensor): string {
    const data = encode(tensor.dtype, tensor.data);
    const record = new Uint8Array(64 + Math.ceil(data.length / 64) * 64);
    const view = new DataView(record.buffer);
    view.setUint32(0, 0xdeadbeef, true);
    view.setUint32(4, { fp16: 1, fp32: 2, uint8: 3, int8: 4, int32: 14, bool: 0 }[tensor.dtype], true);
    view.setBigUint64(8, BigInt(data.length), true);
    view.setBigUint64(16, BigInt(this.#blobBytes + 64), true);
    record.set(data, 64);
    const path = this.#scalar('string', `"${weightPath}"`);
    const name = this.#constant(
      tensorType(tensor),
      `${tensorType(tensor)}(BLOBFILE(path = ${path}, offset = ${this.#scalar('uint64', String(this.#blobBytes))}))`,
    );
    this.#blobs.push(record);
    this.#blobBytes += record.length;
    return name;
  }

  weightFile(): Uint8Array | undefined {
    if (this.#blobs.length === 0) return undefined;
    const file = new Uint8Array(this.#blobBytes);
    new DataView(file.buffer).setUint32(0, this.#blobs.length, true);
    new DataView(file.buffer).setUint32(4, 2, true);
    let at = 64;
    for (const blob of this.#blobs) {
      file.set(blob, at);
      at += blob.length;
    }
    return file;
  }

  /** Appends an operation with results of the given types. */
  ops(operation: string, args: Arguments, results: readonly Pick<Tensor, 'dtype' | 'shape'>[]): string[] {
    const given = Object.entries(args).map(([name, value]) => {
      if (typeof value === 'string') return `${name} = ${value}`;
      if ('type' in value) return `${name} = ${this.parameter(value)}`;
      return `${name} = (${value.join(', ')})`;
    });
    const names = results.map(() => this.#name());
    const declared = results.map((result, i) => `${tensorType(result)} ${names[i]}`);
    this.#statements.push(
      `${declared.join(', ')} = ${operation}(${given.join(', ')})[${this.#attributes(names[0] as string)}];`,
    );
    return names;
  }

  op(operation: string, args: Arguments, result: Pick<Tensor, 'dtype' | 'shape'>): string {
    return this.ops(operation, args, [result])[0] as string;
  }

  finish(...results: string[]): string {
    const info =
      this.dialect === 'ios18'
        ? '[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}, {"coremltools-version", "9.0"}})]'
        : '[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{"coremlc-version", "3505.4.1"}})]';
    const version = this.dialect === 'ios18' ? '1.3' : '1.0';
    const body = this.#statements.map((statement) => `        ${statement}`).join('\n');
    return `program(${version})\n${info}\n{\n    func main<${this.dialect}>(${this.#parameters.join(', ')}) {\n${body}\n    } -> (${results.join(', ')});\n}\n`;
  }
}

function tensorType(tensor: Pick<Tensor, 'dtype' | 'shape'>): string {
  return `tensor<${tensor.dtype}, [${tensor.shape.join(', ')}]>`;
}
