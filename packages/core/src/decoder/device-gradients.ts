import { addon, type NativeArena } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { ProgramForm } from '../programs/form.js';
import type { Block } from '../programs/layer-graph.js';
import type { ProgramShape } from '../programs/shape.js';
import {
  GRADIENT_RING,
  type GradientProgram,
  gradientKernel,
  gradientPrograms,
  matrixGradients,
  type PlacedGradient,
} from '../programs/weight-gradients.js';
import type { ProductSum } from './gradient-sums.js';
import type { BlockPlace, LayerBlock } from './layer-block.js';
import type { Stopwatch } from './stopwatch.js';
import { copyMatrix, type Matrix, SurfaceTensor } from './surface.js';
import { type KernelCompiler, TimedKernel } from './timed-kernel.js';

export interface DeviceGradientsOptions {
  readonly shape: ProgramShape;
  readonly form: ProgramForm;
  readonly stopwatch: Stopwatch;
  /** The blocks of all layers. */
  readonly places: readonly BlockPlace[];
  /** What keeps the kernels of a pass in flight on one worker. Default: nothing. */
  readonly group?: string | undefined;
}

interface Surfaces {
  readonly input: SurfaceTensor;
  readonly output: SurfaceTensor;
}

interface OwnedProgram {
  readonly source: GradientProgram;
  readonly surfaces: readonly Surfaces[];
  /** The surfaces of the last block. */
  last: number;
}

/** The programs of one kind of block, which serve it in all layers. */
interface Kind {
  readonly block: Block;
  readonly programs: readonly OwnedProgram[];
  /** Parameters whose gradients they make. */
  readonly parameters: ReadonlySet<string>;
}

/** The gradients of one program for one block, in fp16. */
export interface MadeGradients {
  /** No kernel may write it until they were read. */
  readonly surface: SurfaceTensor;
  readonly gradients: readonly PlacedGradient[];
}

/** Weight gradients as kernels, for the kinds of blocks that a form says so of. They have no weights: all layers share them. */
export class DeviceGradients {
  readonly #options: DeviceGradientsOptions;
  readonly #kinds: readonly Kind[];
  readonly #kernels = new Map<OwnedProgram, TimedKernel>();
  #gathersInputs = false;

  constructor(source: TensorSource, options: DeviceGradientsOptions) {
    const { shape, form, places } = options;
    this.#options = options;
    const trained = places.filter(
      ({ isTrained, block }) => isTrained && form.weightGradients?.[block.name] === 'device',
    );
    const firsts = new Map(trained.map((place) => [place.block, place]).toReversed() as [Block, BlockPlace][]);
    this.#kinds = [...firsts].map(([block, { definition, flow }]): Kind => {
      const written = gradientPrograms(
        flow.parameters,
        definition.parameters(shape),
        shape.batch * shape.sequence,
        form,
      );
      const programs = written.map((program) => ({
        source: program,
        surfaces: Array.from({ length: GRADIENT_RING }, () => ({
          input: SurfaceTensor.allocate(source, program.input),
          output: SurfaceTensor.allocate(source, program.output),
        })),
        last: -1,
      }));
      return {
        block,
        programs,
        parameters: new Set(matrixGradients(flow.parameters).map(({ parameter }) => parameter)),
      };
    });
  }

  /** Kernels that `load` compiles. */
  get kernels(): number {
    return this.#kinds.reduce((sum, { programs }) => sum + programs.length, 0);
  }

  async load(compiler: KernelCompiler): Promise<void> {
    const { stopwatch, group } = this.#options;
    this.#gathersInputs = compiler.gathersInputs ?? false;
    const compiled = this.#kinds.flatMap(({ block, programs }) =>
      programs.map(async (each, index) => {
        const name = gradientKernel(block.name, index);
        const kernel = await compiler.compile({ name, text: each.source.program.text, weights: {}, group });
        this.#kernels.set(each, new TimedKernel(kernel, stopwatch));
      }),
    );
    for (const each of await Promise.allSettled(compiled)) if (each.status === 'rejected') throw each.reason;
  }

  /** The parameters of a block whose gradients kernels make. */
  parametersOf({ place: { block } }: LayerBlock): ReadonlySet<string> {
    return this.#kinds.find((kind) => kind.block === block)?.parameters ?? none;
  }

  /** The surfaces that the kernels of a block are about to write. */
  next({ place: { block } }: LayerBlock): SurfaceTensor[] {
    return this.#programsOf(block).map(({ surfaces, last }) => surfaces[(last + 1) % GRADIENT_RING]!.output);
  }

  /** Sends the kernels of a block, whose passes have ended. Its surfaces must stay as they are until the wait that is handed back is over. */
  async start(
    block: LayerBlock,
  ): Promise<{ readonly wait: () => Promise<void>; readonly made: readonly MadeGradients[] }> {
    const made: MadeGradients[] = [];
    const waits: (() => Promise<void>)[] = [];
    for (const each of this.#programsOf(block.place.block)) {
      each.last = (each.last + 1) % GRADIENT_RING;
      const { input, output } = each.surfaces[each.last]!;
      const parts = each.source.operands.map(({ slot, value, first }) => {
        const matrix = block.matrix(value);
        const { stride, columns } = matrix;
        const from: Matrix = {
          offset: matrix.offset + 2 * first * stride,
          stride,
          rows: input.slot(slot).rows,
          columns,
        };
        return { slot, from };
      });
      if (!this.#gathersInputs) this.#copy(input, parts);
      const gathered = this.#gathersInputs ? parts.map(({ slot, from }) => input.part(slot, from)) : null;
      waits.push(await this.#kernels.get(each)!.start(input, output, gathered));
      made.push({ surface: output, gradients: each.source.gradients });
    }
    const wait = async () => {
      for (const each of waits) await each();
    };
    return { wait, made };
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#kernels.values()].map((kernel) => kernel.dispose()));
  }

  #programsOf(block: Block): readonly OwnedProgram[] {
    return this.#kinds.find((kind) => kind.block === block)?.programs ?? [];
  }

  #copy(input: SurfaceTensor, parts: readonly { readonly slot: string; readonly from: Matrix }[]): void {
    const { stopwatch } = this.#options;
    const { arena } = input.tensor;
    stopwatch.time('hostMath', () => {
      for (const { slot, from } of parts) {
        copyMatrix(arena, from, input.slot(slot));
        stopwatch.work.did('copiedBytes', 2 * from.rows * from.columns);
      }
    });
  }
}

const none: ReadonlySet<string> = new Set();

/** Queues the conversion of gradients to fp32, which adds them to what sums say. Resolves when all are added. */
export function addGradients(
  arena: NativeArena,
  { surface, gradients }: MadeGradients,
  sumOf: (parameter: string) => ProductSum & { readonly columns: number },
): Promise<unknown> {
  const calls = gradients.map(({ parameter, slot, transposed, first }) => {
    const { gradient, overwrite, addends, columns } = sumOf(parameter);
    const { offset: from, stride: fromStride, rows, columns: width } = surface.slot(slot);
    const at = 4 * first * (transposed ? 1 : columns);
    return addon.mathQueue.addHalf(arena, {
      ...{ from, fromStride, rows, columns: width, transpose: transposed },
      ...{ to: gradient + at, toStride: columns, overwrite, addends: addends.map((each) => each + at) },
    });
  });
  return Promise.all(calls);
}
