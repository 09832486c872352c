import type { MilValue } from '../mil/graph.js';
import type { ParameterSpecs } from '../model/parameters.js';
import type { ProgramForm } from './form.js';
import type { ParameterGradient } from './layer-graph.js';
import { LONGEST_AXIS, MOST_ROWS, MOST_SUMMED, MULTIPLE } from './limits.js';
import { type LayerProgram, type MatrixSize, packSurface } from './shape.js';
import { ProgramWriter } from './writer.js';

/** Elements of an output at most: layers have some of them in turn. */
const MOST_ELEMENTS = 2 ** 25;

/** Surfaces of each program, which the layers have in turn: kernels fill one while the host reads another. */
export const GRADIENT_RING = 2;

/** Rows of a matrix that a block's passes leave in memory, as a slot of a program's input. */
export interface GradientOperand {
  readonly slot: string;
  /** A value of the block, or a gradient. */
  readonly value: string;
  readonly first: number;
}

/** Where a parameter's gradient, or some rows of it, lies in a program's output. */
export interface PlacedGradient {
  readonly parameter: string;
  readonly slot: string;
  /** The slot has columns of the gradient, from `first` on, as its rows; else rows. */
  readonly transposed: boolean;
  readonly first: number;
}

/** A program without weights that makes weight gradients of a block, for every layer that has the block. */
export interface GradientProgram extends LayerProgram {
  readonly operands: readonly GradientOperand[];
  readonly gradients: readonly PlacedGradient[];
}

/** left·rightᵀ, summed over the columns: `rows` rows of it, from `first` on. */
interface Product {
  readonly parameter: string;
  readonly left: string;
  readonly right: string;
  readonly transposed: boolean;
  readonly first: number;
  readonly rows: number;
  /** Of all rows of the left matrix. */
  readonly isWhole: boolean;
  readonly width: number;
}

/** The gradients among them that are matrices: those of vectors are sums of columns. */
export const matrixGradients = (
  gradients: readonly ParameterGradient[],
): readonly (ParameterGradient & { readonly x: string })[] =>
  gradients.filter((each): each is ParameterGradient & { readonly x: string } => each.x !== undefined);

/**
 * The programs that make the weight gradients of a block from matrices [rows, columns] below one another: the gradient of each matrix parameter is dy·xᵀ
 * or, where its output has the width of the others then, x·dyᵀ. There is one program unless widths differ or surfaces would have too many
 * channels.
 *
 * @param parameters Of the layer.
 * @param columns Tokens of a pass.
 */
export function gradientPrograms(
  gradients: readonly ParameterGradient[],
  parameters: ParameterSpecs,
  columns: number,
  form: ProgramForm = {},
): GradientProgram[] {
  return byWidth(gradients, parameters)
    .flatMap((products) => packed(products.flatMap(inParts)))
    .map((products) => writeProgram(products, columns, form));
}

/** Products of one width, for as few widths as there can be, with as few as possible transposed. */
function byWidth(gradients: readonly ParameterGradient[], parameters: ParameterSpecs): Product[][] {
  let left = matrixGradients(gradients).map((gradient) => {
    const [rows, columns = 1] = parameters[gradient.parameter]!.shape;
    return { ...gradient, rows, columns };
  });
  const groups: Product[][] = [];
  while (left.length > 0) {
    const fits = (width: number) => left.filter(({ rows, columns }) => rows === width || columns === width).length;
    const plain = (width: number) => left.filter(({ columns }) => columns === width).length;
    const isEven = (width: number) => Number(width % MULTIPLE === 0);
    const [width] = [...new Set(left.flatMap(({ rows, columns }) => [columns, rows]))].sort(
      (a, b) => isEven(b) - isEven(a) || fits(b) - fits(a) || plain(b) - plain(a),
    );
    const own = left.filter(({ rows, columns }) => rows === width || columns === width);
    left = left.filter((each) => !own.includes(each));
    groups.push(
      own.map(({ parameter, dy, x, rows, columns }) => {
        const transposed = columns !== width;
        const shared = { parameter, transposed, first: 0, isWhole: true, width: width! };
        return transposed ? { ...shared, left: x, right: dy, rows: columns } : { ...shared, left: dy, right: x, rows };
      }),
    );
  }
  return groups;
}

function inParts(product: Product): Product[] {
  const count = Math.ceil(product.rows / Math.min(MOST_ROWS, Math.floor(MOST_ELEMENTS / product.width)));
  const most = Math.ceil(product.rows / count);
  return Array.from({ length: count }, (_, index) => {
    const first = index * most;
    return { ...product, first, rows: Math.min(most, product.rows - first), isWhole: count === 1 };
  });
}

/** Products of one program each, in their order. */
function packed(products: readonly Product[]): Product[][] {
  const programs: Product[][] = [];
  for (const product of products) {
    const last = programs.at(-1);
    const together = [...(last ?? []), product];
    const inputs = [...operandsOf(together).values()].reduce((sum, { rows }) => sum + rows, 0);
    const outputs = together.reduce((sum, { rows }) => sum + rows, 0);
    const fits = Math.max(inputs, outputs) <= LONGEST_AXIS && outputs * product.width <= MOST_ELEMENTS;
    if (last !== undefined && fits) last.push(product);
    else programs.push([product]);
  }
  return programs;
}

const leftSlot = ({ left, first, isWhole }: Product): string => (isWhole ? left : `${left}.${first}`);

/** What products read, by slot. */
function operandsOf(products: readonly Product[]): Map<string, GradientOperand & { readonly rows: number }> {
  return new Map(
    products.flatMap((product) => {
      const { left, right, first, rows, width } = product;
      const slot = leftSlot(product);
      return [
        [slot, { slot, value: left, first, rows }] as const,
        [right, { slot: right, value: right, first: 0, rows: width }] as const,
      ];
    }),
  );
}

function writeProgram(products: readonly Product[], columns: number, form: ProgramForm): GradientProgram {
  const operands = [...operandsOf(products).values()];
  const channels = operands.reduce((sum, { rows }) => sum + rows, 0);
  const sizes = operands.map(({ slot, rows }) => [slot, [rows, columns] satisfies MatrixSize] as const);
  const writer = new ProgramWriter<string>(packSurface(channels, Object.fromEntries(sizes), MULTIPLE), form);
  const { builder: b, inputs } = writer;
  const most = Math.ceil(columns / Math.max(form.split ?? 1, Math.ceil(columns / MOST_SUMMED)));
  const matrix = (x: MilValue) => b.reshape(x, [1, 1, x.shape[1]!, x.shape[3]!]);
  const partOf = (x: MilValue, first: number, count: number) =>
    count === columns ? x : b.sliceBySize(x, [0, 0, 0, first], [1, x.shape[1]!, 1, count]);
  const product = (left: MilValue, right: MilValue): MilValue => {
    const parts: MilValue[] = [];
    for (let first = 0; first < columns; first += most) {
      const count = Math.min(most, columns - first);
      parts.push(b.matmul(matrix(partOf(left, first, count)), matrix(partOf(right, first, count)), { y: true }));
    }
    return parts.reduce((sum, each) => b.add(sum, each));
  };
  const gradients = products.map(({ parameter, transposed, first, isWhole }): PlacedGradient => {
    const slot = isWhole ? parameter : `${parameter}.${first}`;
    return { parameter, slot, transposed, first };
  });
  const results = products.map((each, index) => {
    const made = product(inputs[leftSlot(each)]!, inputs[each.right]!);
    return [gradients[index]!.slot, b.reshape(made, [1, each.rows, 1, each.width])] as const;
  });
  const { program, input, output } = writer.finish(Object.fromEntries(results));
  return { program, input, output, operands, gradients };
}

/** The kernel of a block's program of this index, such as `attention.weightGradients`. */
export const gradientKernel = (block: string, index: number): string =>
  `${gradientPart(block)}${index === 0 ? '' : `.${index + 1}`}`;

/** What says where the weight gradients of a block are made, such as `attention.weightGradients`. */
export const gradientPart = (block: string): string => `${block}.weightGradients`;

/** The block whose weight gradients a kernel makes; null for other kernels. */
export const blockOfGradients = (kernel: string): string | null =>
  /^(.*)\.weightGradients(?:\.\d+)?$/.exec(kernel)?.[1] ?? null;
