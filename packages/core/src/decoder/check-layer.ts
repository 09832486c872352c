import { MayflyError } from '@mayfly/native';
import { seededRandom } from '../data/seeded-random.js';
import type { Tensor } from '../memory/tensor.js';
import { MilBuilder } from '../mil/builder.js';
import { createPool, type Pool } from '../pool/pool.js';
import type { Kernel } from '../pool/types.js';
import { checkSizes } from '../programs/define-layer.js';
import type { ProgramForm } from '../programs/form.js';
import type { LayerWeights } from '../programs/layer-blocks.js';
import { type Block, type LayerDefinition, valueRows, writeForward } from '../programs/layer-graph.js';
import type { ProgramShape } from '../programs/shape.js';
import { blockFlow } from '../programs/stages.js';
import { runLayer } from './run-layer.js';

/** How `checkLayer` checks. */
export interface CheckLayerOptions {
  /** Sizes to check at. Default: dim 32, hidden 48, 4 heads of 8 with 2 key heads, 2 windows of 6 tokens. */
  readonly shape?: Partial<ProgramShape> | undefined;
  /** How its programs are written. Default: each block fused. */
  readonly form?: ProgramForm | undefined;
  /** Largest error that passes. Default 0.02. */
  readonly tolerance?: number | undefined;
  /** Of parameters, input and gradient. Default 0. */
  readonly seed?: number | undefined;
}

/** The result of `checkLayer` by weight strategy: errors relative to the largest magnitude in their tensor. */
export interface LayerCheck {
  /** The largest of all that follow. */
  readonly error: number;
  readonly dynamic: Readonly<Record<string, number>>;
  readonly static: Readonly<Record<string, number>>;
  /** In place of `static`, of a layer with adapters. */
  readonly adapters?: Readonly<Record<string, number>>;
}

const defaultShape: ProgramShape = {
  ...{ dim: 32, hidden: 48, heads: 4, kvHeads: 2, headDim: 8 },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', batch: 2, sequence: 6 },
};
const ARENA_BYTES = 2 ** 26;
/** Elements of each tensor that are checked: the steepest half of them, the others anywhere. */
const SAMPLES = 12;
/** Of a central difference, in fp32. */
const STEP = 1e-2;

/**
 * Compares a layer's gradients with finite differences of its forward pass, element by element. The gradients are those of training:
 * the fp16 programs of both weight strategies on the device `cpu`, and the host's products. The differences are those of the same
 * operations in fp32. `x` is the layer's input, `y` its output, which is compared, too; the other names are parameters.
 *
 * @throws `ERR_LAYER` where an error is above the tolerance: names it.
 */
export async function checkLayer(definition: LayerDefinition, options: CheckLayerOptions = {}): Promise<LayerCheck> {
  const { tolerance = 0.02, seed = 0, form = {} } = options;
  const shape = { ...defaultShape, ...options.shape };
  checkSizes(definition, shape);
  await using pool = await createPool({ device: 'cpu', workers: 1, standby: 0, arenaBytes: ARENA_BYTES });
  const random = seededRandom(seed, 'check-layer');
  const uniform = () => (random.next() >>> 0) / 2 ** 32;
  const specs = Object.entries(definition.parameters(shape));
  const sample = (count: number, of: () => number) => Float32Array.from({ length: count }, of);
  const elements = shape.dim * shape.batch * shape.sequence;
  const inputs: Record<string, Float32Array> = { x: sample(elements, () => 4 * (uniform() - 0.5)) };
  for (const [name, { shape: size }] of specs) {
    const [rows, columns] = size;
    inputs[name] =
      columns === undefined
        ? sample(rows, () => 0.5 + uniform())
        : sample(rows * columns, () => (3 * (uniform() - 0.5)) / Math.sqrt(columns));
  }
  const dy = sample(elements, () => 2 * (uniform() - 0.5));
  for (const block of definition.blocks) {
    const rows = valueRows(block, definition.parameters(shape), shape);
    const columns = shape.batch * shape.sequence;
    for (const name of Object.keys(blockFlow(block).given)) {
      inputs[name] ??= sample(rows[name]! * columns, () => (uniform() < 0.5 ? 0 : 2));
    }
  }

  const reference = await ReferenceLayer.open(pool, definition, shape);
  const y = await reference.forward(inputs);
  const strategies =
    definition.base === undefined ? (['dynamic', 'static'] as const) : (['dynamic', 'adapters'] as const);
  const trained: Partial<Record<LayerWeights, Record<string, Float32Array>>> = {};
  const errors: Partial<Record<LayerWeights, Record<string, number>>> = {};
  for (const weights of strategies) {
    const results = await runLayer(pool, { definition, weights }, { shape, form, inputs, dy });
    trained[weights] = results;
    errors[weights] = { y: largest(y.map((value, index) => value - results.y![index]!)) / largest(y) };
  }
  const loss = (output: Float32Array) => output.reduce((sum, value, index) => sum + value * dy[index]!, 0);
  for (const [name, values] of Object.entries(inputs)) {
    const gradient = trained.dynamic![name];
    if (gradient === undefined) continue;
    const steepest = [...gradient.keys()].sort((a, b) => Math.abs(gradient[b]!) - Math.abs(gradient[a]!));
    const anywhere = Array.from({ length: SAMPLES / 2 }, () => Math.floor(uniform() * values.length));
    const chosen = [...new Set([...steepest.slice(0, SAMPLES / 2), ...anywhere])];
    const differences: number[] = [];
    for (const index of chosen) {
      const at = async (shift: number) => {
        const moved = values.with(index, values[index]! + shift);
        return [moved[index]!, loss(await reference.forward({ ...inputs, [name]: moved }))] as const;
      };
      const [above, below] = [await at(STEP), await at(-STEP)];
      differences.push((above[1] - below[1]) / (above[0] - below[0]));
    }
    for (const weights of strategies) {
      const own = trained[weights]![name]!;
      const scale = Math.max(largest(own), largest(differences), Number.MIN_VALUE);
      errors[weights]![name] = largest(chosen.map((at, index) => own[at]! - differences[index]!)) / scale;
    }
  }
  const all = Object.entries(errors).flatMap(([weights, each]) =>
    Object.entries(each).map(([name, error]) => ({ weights, name, error })),
  );
  const worst = all.reduce((a, b) => (b.error <= a.error ? a : b));
  if (worst.error <= tolerance) return { error: worst.error, dynamic: {}, static: {}, ...errors };
  const what = worst.name === 'y' ? 'the output of fp16 programs' : `the gradient of ${worst.name}`;
  throw new MayflyError(
    'ERR_LAYER',
    `[${definition.name}] Expected ${what} within ${tolerance} of ${worst.name === 'y' ? 'fp32' : 'finite differences'}, ` +
      `got an error of ${worst.error.toPrecision(3)} with ${worst.weights} weights`,
  );
}

const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce(
    (most, value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : Math.max(most, Math.abs(value))),
    0,
  );

interface ReferenceBlock {
  readonly block: Block;
  readonly kernel: Kernel;
  /** By name of parameter or constant; the first is the normalized input. */
  readonly inputs: ReadonlyMap<string, Tensor<'fp32'>>;
  readonly y: Tensor<'fp32'>;
}

/** A layer in fp32: norms and sums here, the operations of its blocks as kernels whose inputs are everything that they read. */
class ReferenceLayer {
  readonly #blocks: readonly ReferenceBlock[];
  readonly #shape: ProgramShape;

  private constructor(blocks: readonly ReferenceBlock[], shape: ProgramShape) {
    this.#blocks = blocks;
    this.#shape = shape;
  }

  static async open(pool: Pool, definition: LayerDefinition, shape: ProgramShape): Promise<ReferenceLayer> {
    const specs = definition.parameters(shape);
    const blocks: ReferenceBlock[] = [];
    for (const block of definition.blocks) {
      const b = new MilBuilder();
      const inputs = new Map<string, Tensor<'fp32'>>();
      const values = new Map<string, ReturnType<MilBuilder['input']>>();
      const input = (name: string, size: readonly number[]) => {
        const known = values.get(name);
        if (known !== undefined) return known;
        inputs.set(name, pool.arena.tensor('fp32', size));
        const value = b.input(`in_${inputs.size}`, 'fp32', size);
        values.set(name, value);
        return value;
      };
      const matrix = (name: string) => input(name, [1, 1, specs[name]!.shape[0], specs[name]!.shape[1]!]);
      const xn = input('xn', [1, shape.dim, 1, shape.batch * shape.sequence]);
      const given = Object.keys(blockFlow(block).given);
      const rows = valueRows(block, specs, shape);
      const masks = given.map(
        (name) => [name, input(name, [1, rows[name]!, 1, shape.batch * shape.sequence])] as const,
      );
      const { y } = writeForward(
        {
          builder: b,
          shape,
          form: {},
          project(name, x, transposed = false) {
            const product = b.matmul(matrix(name), b.reshape(x, [1, 1, x.shape[1]!, x.shape[3]!]), { x: transposed });
            return b.reshape(product, [1, product.shape[2]!, 1, product.shape[3]!]);
          },
          vector: (name) => input(name, [1, specs[name]!.shape[0], 1, 1]),
          constant(name, size, constants) {
            const value = input(`constant ${name}`, size);
            inputs.get(`constant ${name}`)!.set(constants());
            return value;
          },
        },
        block.operations,
        { xn, ...Object.fromEntries(masks) },
      );
      b.output('y', y!);
      const kernel = await pool.compile({ name: `${definition.name}.${block.name}`, text: b.build().text });
      blocks.push({ block, kernel, inputs, y: pool.arena.tensor('fp32', y!.shape) });
    }
    return new ReferenceLayer(blocks, shape);
  }

  async forward(given: Readonly<Record<string, Float32Array>>): Promise<Float32Array> {
    let x = given.x!;
    for (const { block, kernel, inputs, y } of this.#blocks) {
      inputs.get('xn')!.set(this.#normalized(x, given[block.norm]!));
      for (const [name, tensor] of inputs) if (name in given) tensor.set(given[name]!);
      await kernel.run([...inputs.values()], y);
      const added = y.values();
      x = x.map((value, index) => value + added[index]!);
    }
    return x;
  }

  #normalized(x: Float32Array, weight: Float32Array): Float32Array {
    const { dim, eps } = this.#shape;
    const columns = x.length / dim;
    const scales = Float64Array.from({ length: columns }, (_, column) => {
      let squares = 0;
      for (let row = 0; row < dim; row++) squares += x[row * columns + column]! ** 2;
      return 1 / Math.sqrt(squares / dim + eps);
    });
    return x.map((value, index) => value * scales[index % columns]! * weight[Math.floor(index / columns)]!);
  }
}
