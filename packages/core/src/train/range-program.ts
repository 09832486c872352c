import { addon } from '@mayfly/native';

/** A program that computes how large the sums of another one's products may get. */
export interface RangeProgram {
  /** Its one output is fp32 [n]: for each product the largest Σ|a·w| over its elements. */
  readonly text: string;
  /** The results of the products, in the order of the output. */
  readonly products: readonly string[];
}

/**
 * Rewrites a program so that it returns max Σ|a·w| of each of its matmuls and convolutions instead of its results. The bound
 * holds in whatever order an engine sums. Null where there are no products.
 */
export function rangeProgram(text: string): RangeProgram | null {
  const { inputs, operations } = addon.inspectMil(text);
  const types = new Map([...inputs, ...operations.flatMap(({ results }) => results)].map((each) => [each.name, each]));
  const lines: string[] = [
    'string range_fp32 = const()[name = string("range_fp32"), val = string("fp32")];',
    'bool range_keep = const()[name = string("range_keep"), val = bool(false)];',
    'bool range_interleave = const()[name = string("range_interleave"), val = bool(false)];',
    'int32 range_axis = const()[name = string("range_axis"), val = int32(0)];',
    'tensor<int32, [1]> range_one = const()[name = string("range_one"), val = tensor<int32, [1]>([1])];',
  ];
  const emit = (shape: readonly number[], name: string, call: string): string => {
    lines.push(`tensor<fp32, [${shape.join(', ')}]> ${name} = ${call}[name = string("${name}")];`);
    return name;
  };
  const products = operations.filter(({ operation }) => operation === 'matmul' || operation === 'conv');
  if (products.length === 0) return null;
  const largest = products.map(({ operation, arguments: given, results: [result] }, index) => {
    const passed = given.flatMap(({ name, values: [value] }) => {
      if (name === 'bias' || value === undefined || !('name' in value)) return [];
      if (!['x', 'y', 'weight'].includes(name)) return [`${name} = ${value.name}`];
      const { shape } = types.get(value.name)!;
      const wide = emit(shape, `range_${index}_${name}`, `cast(dtype = range_fp32, x = ${value.name})`);
      return [`${name} = ${emit(shape, `range_${index}_${name}_abs`, `abs(x = ${wide})`)}`];
    });
    const { shape } = result!;
    const sums = emit(shape, `range_${index}_sums`, `${operation}(${passed.join(', ')})`);
    const flat = shape.reduce((a, b) => a * b, 1);
    const size = `range_${index}_size`;
    lines.push(
      `tensor<int32, [2]> ${size} = const()[name = string("${size}"), val = tensor<int32, [2]>([1, ${flat}])];`,
    );
    const row = emit([1, flat], `range_${index}_row`, `reshape(shape = ${size}, x = ${sums})`);
    return emit([1], `range_${index}_max`, `reduce_max(axes = range_one, keep_dims = range_keep, x = ${row})`);
  });
  const call = `concat(axis = range_axis, interleave = range_interleave, values = (${largest.join(', ')}))`;
  const output = emit([largest.length], 'range_largest', call);
  const end = text.lastIndexOf('}', text.lastIndexOf('->'));
  return {
    text: `${text.slice(0, end)}${lines.join('\n')}\n    } -> (${output});\n}\n`,
    products: products.map(({ results }) => results[0]!.name),
  };
}
