import { addon, type NativeDevice } from '@mayfly/native';
import { runLayer } from '../decoder/run-layer.js';
import type { KernelCompiler } from '../decoder/timed-kernel.js';
import { Arena } from '../memory/arena.js';
import { ArenaScope } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { Kernel, PoolProgram } from '../pool/types.js';
import { classifierPrograms } from '../programs/classifier.js';
import type { ProgramForm } from '../programs/form.js';
import { programName } from '../programs/layer.js';
import { layerBlocks } from '../programs/layer-blocks.js';
import type { Surface } from '../programs/shape.js';
import { blockFlow } from '../programs/stages.js';
import { structureOf } from '../programs/structure.js';
import { gradientKernel, gradientPrograms } from '../programs/weight-gradients.js';
import { type Canary, type ClassifierCanary, canaryCase, canaryNumbers, type GradientCanary } from './canaries.js';

/** One program of a canary, and what tells it from others. */
export interface CanaryProgram {
  /** Such as `attentionBackward.sdpaBwd1`. */
  readonly name: string;
  readonly text: string;
  /** Equal for programs that a device runs alike. */
  readonly key: string;
  readonly output: Surface<string>;
  /** Largest error of a matrix, relative to its largest magnitude. */
  readonly tolerance: number;
}

/** A program with an input, and the results of the cpu device. */
export interface ProgramCase extends CanaryProgram {
  readonly weights: Readonly<Record<string, Uint8Array>>;
  readonly input: Matrix;
  readonly expected: Matrix;
}

interface Matrix {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The programs of a canary in a form, those that ask most of a device first: without `training`, of the forward pass alone. */
export function canaryPrograms(canary: Canary, form: ProgramForm, training: boolean): CanaryProgram[] {
  if ('classifier' in canary) return classifierCanaryPrograms(canary, form, training);
  if ('gradients' in canary) return training ? gradientCanaryPrograms(canary, form) : [];
  const { plan, shape, tolerance, asks } = canary;
  const programs = layerBlocks(plan.weights, plan.definition, shape, form).flatMap(({ block, forward, backward }) => [
    ...forward.map((each) => ({ ...each, name: programName(block, 'forward', each) })),
    ...(training ? backward.map((each) => ({ ...each, name: programName(block, 'backward', each) })) : []),
  ]);
  return programs
    .filter(({ stage }) => asks === undefined || asks.includes(stage))
    .map(({ name, program: { text }, output }) => {
      // A canary that sums as much as a model does is about sizes.
      const key = asks === undefined ? structureOf(text) : text;
      return { name, text, key, output, tolerance };
    })
    .sort((a, b) => b.text.length - a.text.length);
}

/** None where the classifier's products stay on the host. */
function classifierCanaryPrograms(
  { classifier, tolerance }: ClassifierCanary,
  form: ProgramForm,
  training: boolean,
): CanaryProgram[] {
  if (form.classifier !== 'device') return [];
  const { forward, backward } = classifierPrograms(classifier, form);
  const named = { classifierForward: forward, ...(training && { classifierBackward: backward }) };
  return Object.entries(named).map(
    ([
      name,
      {
        program: { text },
        output,
      },
    ]) => {
      // Its sizes are the model's, but for the tokens.
      return { name, text, key: text, output, tolerance };
    },
  );
}

/** None where the host makes the gradients. */
function gradientCanaryPrograms({ gradients, tolerance }: GradientCanary, form: ProgramForm): CanaryProgram[] {
  const { definition, block, shape } = gradients;
  if (form.weightGradients?.[block.name] !== 'device') return [];
  const columns = shape.batch * shape.sequence;
  return gradientPrograms(blockFlow(block).parameters, definition.parameters(shape), columns, form).map(
    ({ program: { text }, output }, index) => {
      // Its sizes are the model's, but for the tokens.
      return { name: gradientKernel(block.name, index), text, key: text, output, tolerance };
    },
  );
}

/** Runs canaries on a cpu device in this process, and keeps what goes into each program and what comes out. */
export class CanaryReference implements Disposable {
  readonly #arena = new Arena(2 ** 28);
  readonly #device: NativeDevice = addon.openDevice('cpu', this.#arena.native);

  /** The cases of a canary's programs, by their texts. */
  async cases(canary: Canary, form: ProgramForm, training: boolean): Promise<ReadonlyMap<string, ProgramCase>> {
    const programs = new Map(canaryPrograms(canary, form, training).map((each) => [each.text, each]));
    const cases = new Map<string, ProgramCase>();
    if (!('plan' in canary)) {
      for (const each of programs.values()) cases.set(each.text, await this.#caseOf(each));
      return cases;
    }
    const compiler: KernelCompiler = {
      arena: this.#arena,
      compile: async (program) =>
        this.#kernel(program, (given) => {
          const written = programs.get(program.text);
          if (written !== undefined) cases.set(program.text, { ...written, ...given });
        }),
    };
    await runLayer(compiler, canary.plan, canaryCase(canary, form, training));
    return cases;
  }

  [Symbol.dispose](): void {
    this.#device.close();
    this.#arena.close();
  }

  /** Of a program that has no weights: its input is numbers all over. */
  async #caseOf(program: CanaryProgram): Promise<ProgramCase> {
    using scope = new ArenaScope(this.#arena);
    const found: Pick<ProgramCase, 'weights' | 'input' | 'expected'>[] = [];
    await using kernel = this.#kernel({ text: program.text, weights: {} }, (each) => found.push(each));
    const [input, output] = [kernel.inputs[0]!, kernel.outputs[0]!].map(({ shape }) => scope.tensor('fp16', shape)) as [
      Tensor<'fp16'>,
      Tensor<'fp16'>,
    ];
    input.set(Float32Array.from({ length: input.elements }, canaryNumbers()));
    await kernel.run(input, output);
    return { ...program, ...found[0]! };
  }

  #kernel(
    { name = '', text, weights: sources = {} }: PoolProgram,
    record: (given: Pick<ProgramCase, 'weights' | 'input' | 'expected'>) => void,
  ): Kernel {
    const ranges = Object.entries(sources).map(([path, source]) => {
      if (source instanceof Uint8Array) throw new TypeError(`Expected ${path} in the arena, got bytes`);
      return { path, ...source };
    });
    const weights = Object.fromEntries(
      ranges.map(({ path, offset, bytes }) => [path, this.#arena.native.view(offset, bytes).slice()]),
    );
    const { program, inputs, outputs } = this.#device.compile(text, ranges);
    const dispose = async () => this.#device.unload(program);
    return {
      ...{ name, inputs, outputs, copiedBytes: 0, prefetchedBytes: 0, dispose, [Symbol.asyncDispose]: dispose },
      run: async (given, results) => {
        const [[input], [output]] = [[given].flat(), [results].flat()] as [[Tensor], [Tensor]];
        const before = copyOf(input);
        this.#device.evaluate(program, [input.offset, output.offset]);
        record({ weights, input: before, expected: copyOf(output) });
      },
      prefetch: () => {},
      update: () => Promise.reject(new TypeError('Expected no update of a canary')),
      stats: () => {
        throw new TypeError('Expected nobody to ask for statistics of a canary');
      },
    };
  }
}

const copyOf = (tensor: Tensor): Matrix => ({ shape: tensor.shape, values: (tensor as Tensor<'fp16'>).values() });

/** The first matrix of the results whose error exceeds the tolerance, as text; null if there is none. */
export function difference({ name, output, expected, tolerance }: ProgramCase, got: Float32Array): string | null {
  const { width, slots } = output;
  for (const [matrix, { row, column, rows, columns }] of Object.entries(slots)) {
    let [largest, error, magnitude] = [0, 0, 0];
    for (let r = row; r < row + rows; r++) {
      for (let at = r * width + column; at < r * width + column + columns; at++) {
        largest = Math.max(largest, Math.abs(expected.values[at]!));
        magnitude = Math.max(magnitude, Math.abs(got[at]!));
        const distance = Math.abs(expected.values[at]! - got[at]!);
        error = Math.max(error, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
      }
    }
    if (error <= tolerance * Math.max(largest, 1e-6)) continue;
    const what = `${matrix} of ${name}`;
    return magnitude === 0
      ? `${what} is zero`
      : `${what} differs from cpu by ${(error / Math.max(largest, 1e-6)).toPrecision(2)}`;
  }
  return null;
}
