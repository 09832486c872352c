import type { InputPart } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { Block, LayerDefinition } from '../programs/layer-graph.js';
import { type LayerProgram, stackSurface } from '../programs/shape.js';
import type { BlockFlow } from '../programs/stages.js';
import type { Stopwatch } from './stopwatch.js';
import { copyMatrix, type Matrix, SurfaceTensor } from './surface.js';
import type { TimedKernel } from './timed-kernel.js';

/** One block of the model, before it has memory. */
export interface BlockPlace {
  readonly layer: number;
  readonly definition: LayerDefinition;
  readonly block: Block;
  readonly flow: BlockFlow;
  /** True if the backward pass reaches the block: the outputs of its forward programs must stay until then. */
  readonly needsBackward: boolean;
  /** Its parameters are updated. */
  readonly isTrained: boolean;
}

/** Identifies the block, e.g. `layer-3.attention`. */
export const blockKey = ({ layer, block }: Pick<BlockPlace, 'layer' | 'block'>): string =>
  `layer-${layer}.${block.name}`;

/** Surfaces of one program of a block, and the matrices of the input that it reads beside weights. */
export interface StageSurfaces {
  readonly input: SurfaceTensor;
  readonly output: SurfaceTensor;
  readonly reads: readonly string[];
  /** Whether no other evaluations, of another block or of another pass in flight, write the input where a device keeps a copy of it. */
  readonly keepsInput: boolean;
}

/** One entry for each program of a pass, in the order in which they run; none backward where the backward pass does not reach the block. */
export interface Passes<Each> {
  readonly forward: readonly Each[];
  readonly backward: readonly Each[];
}

/** Memory for the matrices that the host writes before a pass. */
export function givenSurfaces(
  { flow }: BlockPlace,
  programs: readonly Pick<LayerProgram, 'input'>[],
  memory: TensorSource,
): Map<string, SurfaceTensor> {
  const surfaces = Object.keys(flow.given).map((name) => {
    const { input } = programs.find((each) => name in each.input.slots)!;
    const { rows, columns } = input.slots[name]!;
    return [name, SurfaceTensor.allocate(memory, stackSurface({ [name]: rows }, columns))] as const;
  });
  return new Map(surfaces);
}

interface Copy {
  /** The slot that it fills. */
  readonly name: string;
  readonly from: Matrix;
  readonly to: Matrix;
}

/** One block of one layer: where its activations lie, and the kernels that run it. */
export class LayerBlock {
  readonly #stopwatch: Stopwatch;
  /** Before the forward pass: the output of the block before. */
  readonly #entry: readonly Copy[];
  /** Before each program of a pass: what other programs of the same pass made. */
  readonly #copies: Passes<readonly Copy[]>;
  /** Before the backward pass, for each of its programs: what the forward pass made. */
  readonly #saved: readonly (readonly Copy[])[];
  #kernels: Passes<TimedKernel> | null = null;
  /** Waits for all that the last program of a pass puts out, where its caller waits for the result alone. */
  #rest: (() => Promise<void>) | null = null;
  /** Of each program of the backward pass: the parts that the forward pass made. */
  #savedParts: readonly (readonly InputPart[])[] = [];
  /** What each program reads beside weights, where kernels get it from where it lies. Null: it is copied into place. */
  #parts: Passes<readonly InputPart[]> | null = null;

  constructor(
    readonly place: BlockPlace,
    readonly surfaces: Passes<StageSurfaces>,
    stopwatch: Stopwatch,
    /** Matrices that the host writes before a pass, each in a surface of its own. */
    readonly given: ReadonlyMap<string, SurfaceTensor> = new Map(),
    /** Where the block before left the input, if the first program does not read it in place. */
    below?: Matrix,
  ) {
    const { forward, backward } = surfaces;
    const host = [...given.values()];
    const forwardPlaces = [...forward.map(({ output }) => output).toReversed(), ...host, forward[0]!.input];
    const copies = ({ input }: StageSurfaces, names: readonly string[], places: readonly SurfaceTensor[]): Copy[] =>
      names.flatMap((name) => {
        const from = places.find((each) => each.has(name));
        return from === undefined || from === input ? [] : [{ name, from: from.slot(name), to: input.slot(name) }];
      });
    const before = (stages: readonly StageSurfaces[], index: number) =>
      stages
        .slice(0, index)
        .map(({ output }) => output)
        .toReversed();
    // The gradient of the output is written into the first surface that has a place for it.
    const isGiven = (name: string) => name === 'dy';
    const gradient = backward
      .map(({ input }) => input)
      .filter((each) => each.has('dy'))
      .slice(0, 1);
    this.#stopwatch = stopwatch;
    this.#entry = below === undefined ? [] : [{ name: 'x', from: below, to: this.input.slot('x') }];
    this.#copies = {
      forward: forward.map((stage, index) =>
        copies(stage, stage.reads, [...before(forward, index), ...host, ...(index === 0 ? [] : [forward[0]!.input])]),
      ),
      backward: backward.map((stage, index) => [
        ...copies(stage, stage.reads, before(backward, index)),
        ...copies(stage, stage.reads.filter(isGiven), gradient),
      ]),
    };
    this.#saved = backward.map((stage, index) => {
      const made = before(backward, index);
      const names = stage.reads.filter((name) => !isGiven(name) && !made.some((each) => each.has(name)));
      return copies(stage, names, forwardPlaces);
    });
  }

  /** As `blockKey`. */
  get key(): string {
    return blockKey(this.place);
  }

  /** Its kernels; only after `load`. */
  get kernels(): Passes<TimedKernel> {
    return this.#kernels!;
  }

  /** @param gathers Whether the kernels get parts of their inputs from where they lie. */
  load(kernels: Passes<TimedKernel>, gathers: boolean): void {
    this.#kernels = kernels;
    const { forward, backward } = this.surfaces;
    const partsOf = ({ input, reads }: StageSurfaces, copies: readonly Copy[]) =>
      reads.map((name) => input.part(name, copies.find((copy) => copy.name === name)?.from ?? input.slot(name)));
    this.#parts = !gathers
      ? null
      : {
          forward: forward.map((stage, index) => partsOf(stage, this.#copies.forward[index]!)),
          backward: backward.map((stage, index) =>
            partsOf(stage, [...this.#copies.backward[index]!, ...this.#saved[index]!]),
          ),
        };
    this.#savedParts = (this.#parts?.backward ?? []).map((parts, index) => {
      const { reads, keepsInput } = backward[index]!;
      const made = backward.slice(0, index).map(({ output }) => output);
      return parts.filter(
        (_, part) => keepsInput && reads[part] !== 'dy' && !made.some((each) => each.has(reads[part]!)),
      );
    });
  }

  /** Lets the device copy the weights that inputs hold, and that just changed. */
  prefetchWeights(): void {
    if (this.#parts === null) return;
    for (const pass of ['forward', 'backward'] as const) {
      for (const [index, { input }] of this.surfaces[pass].entries()) this.kernels[pass][index]!.prefetch(input);
    }
  }

  /** Lets the device copy what the forward pass made for the backward pass. */
  prefetchSaved(): void {
    for (const [index, parts] of this.#savedParts.entries()) {
      if (parts.length > 0) this.kernels.backward[index]!.prefetch(this.surfaces.backward[index]!.input, parts);
    }
  }

  /** The first input of the forward pass. */
  get input(): SurfaceTensor {
    return this.surfaces.forward[0]!.input;
  }

  /** The last output of the forward pass. */
  get output(): SurfaceTensor {
    return this.surfaces.forward.at(-1)!.output;
  }

  /** @param leads Whether it is enough to wait for `y`: then call `complete` before anything else that the programs put out is read. Default: false. */
  async forward(leads = false): Promise<void> {
    // The host reads it there, too.
    this.#copy(this.#entry);
    for (const index of this.surfaces.forward.keys()) {
      if (this.#parts === null) this.#copy(this.#copies.forward[index]!);
      const wait = await this.#start('forward', index, leads ? 'y' : undefined);
      await wait();
    }
  }

  /** Waits for what a pass that led left out: all kernels of the block have then ended. */
  async complete(): Promise<void> {
    const rest = this.#rest;
    this.#rest = null;
    await rest?.();
  }

  /** Copies what the forward pass made into the surfaces of the backward pass, which nothing may use any more. */
  prepareBackward(): void {
    if (this.#parts === null) this.#copy(this.#saved.flat());
  }

  /**
   * Sends the first evaluation and hands back the wait for the whole pass.
   *
   * @param leads As of `forward`, for `dxn`.
   */
  async startBackward(leads = false): Promise<() => Promise<void>> {
    const { backward } = this.surfaces;
    const start = (index: number) => this.#start('backward', index, leads ? 'dxn' : undefined);
    const first = await start(0);
    return async () => {
      await first();
      for (let index = 1; index < backward.length; index++) {
        if (this.#parts === null) this.#copy(this.#copies.backward[index]!);
        const wait = await start(index);
        await wait();
      }
    };
  }

  /** Whether the backward passes of both write to the same memory. */
  sharesBackward({ surfaces }: LayerBlock): boolean {
    return this.surfaces.backward.some(({ output }) => surfaces.backward.some((each) => each.output === output));
  }

  /** The first matrix that the forward pass put out with a value that is not finite, by name; undefined where all are. */
  overflow(): string | undefined {
    for (const { output } of this.surfaces.forward) {
      const name = output.overflow();
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /** The matrix that a slot names, wherever the block's surfaces hold it. */
  matrix(name: string): Matrix {
    const surface = this.surfaceOf(name);
    if (surface === undefined) throw new RangeError(`Expected a slot of ${this.key}, got ${name}`);
    return surface.slot(name);
  }

  /** Where a matrix is first made; of a gradient, to which several programs add, where it is complete. */
  surfaceOf(name: string): SurfaceTensor | undefined {
    const { forward, backward } = this.surfaces;
    const places = [
      ...forward.map(({ output }) => output),
      ...forward.map(({ input }) => input),
      ...backward.map(({ output }) => output).toReversed(),
      ...backward.map(({ input }) => input),
    ];
    return places.find((each) => each.has(name));
  }

  /** Names of the matrices that its passes leave in memory. */
  get values(): string[] {
    const { flow, needsBackward } = this.place;
    const names = ['xn', 'y', ...flow.kept, ...(needsBackward ? ['dy', ...flow.gradients] : [])];
    return [...new Set(names)].filter((name) => this.surfaceOf(name) !== undefined);
  }

  /**
   * Sends an evaluation and hands back the wait for it.
   *
   * @param result What to wait for if the last program of the pass puts it out before other matrices. Default: all.
   */
  async #start(pass: keyof Passes<unknown>, index: number, result?: string): Promise<() => Promise<void>> {
    const { input, output } = this.surfaces[pass][index]!;
    const kernel = this.kernels[pass][index]!;
    const parts = this.#parts?.[pass][index] ?? null;
    const isLast = index === this.surfaces[pass].length - 1;
    if (!isLast || result === undefined) return kernel.start(input, output, parts);
    const { leading, complete } = await kernel.startLeading(input, output, parts, output.rowsThrough(result));
    this.#rest = complete;
    return leading;
  }

  #copy(copies: readonly Copy[]): void {
    if (copies.length === 0) return;
    const { arena } = this.input.tensor;
    this.#stopwatch.time('hostMath', () => {
      for (const { from, to } of copies) {
        copyMatrix(arena, from, to);
        this.#stopwatch.work.did('copiedBytes', 2 * from.rows * from.columns);
      }
    });
  }
}
