import { addon, type NativeDevice } from '@mayfly/native';
import type { KernelCompiler } from '../decoder/timed-kernel.js';
import type { Arena } from '../memory/arena.js';
import type { Tensor } from '../memory/tensor.js';
import type { CallOptions, Kernel, PoolProgram, WeightSources } from '../pool/types.js';
import { type RangeProgram, rangeProgram } from './range-program.js';

/** The largest sum of products that a kernel formed. */
export interface KernelRange {
  readonly kernel: string;
  /** Name of the product's result in the program. */
  readonly product: string;
  /** Largest Σ|a·w| of one element, infinite where it is no number. Below 32768 no engine overflows, in whatever order it sums. */
  readonly largest: number;
}

/** Largest number of products of one program that can be checked. */
const MOST_PRODUCTS = 1024;

/** Arena bytes that a check needs. */
export const RANGE_CHECK_BYTES = 4 * MOST_PRODUCTS;

/**
 * Compiles kernels on a pool, and computes after each of their runs how large its sums may have been: with the same input, on a cpu device
 * in this process, which doubles the work and blocks the event loop meanwhile.
 */
export class RangeCheck implements KernelCompiler {
  readonly arena: Arena;
  readonly #compiler: KernelCompiler;
  readonly #device: NativeDevice;
  readonly #output: { readonly offset: number; free(): void };
  readonly #ranges = new Map<string, KernelRange>();

  constructor(compiler: KernelCompiler) {
    this.arena = compiler.arena;
    this.#compiler = compiler;
    this.#device = addon.openDevice('cpu', this.arena.native);
    this.#output = this.arena.allocate(RANGE_CHECK_BYTES);
  }

  /** The largest of each kernel so far, in the order of the first runs. */
  get ranges(): readonly KernelRange[] {
    return [...this.#ranges.values()];
  }

  async compile(program: PoolProgram, options?: CallOptions): Promise<Kernel> {
    const kernel = await this.#compiler.compile(program, options);
    const range = rangeProgram(program.text);
    if (range === null || range.products.length > MOST_PRODUCTS) return kernel;
    const compile = () => this.#device.compile(range.text, weightRanges(program.weights ?? {})).program;
    let handle = compile();
    return {
      name: kernel.name,
      inputs: kernel.inputs,
      outputs: kernel.outputs,
      get copiedBytes() {
        return kernel.copiedBytes;
      },
      get prefetchedBytes() {
        return kernel.prefetchedBytes;
      },
      prefetch: (input, reuse) => kernel.prefetch(input, reuse),
      run: async (inputs, outputs, given) => {
        await kernel.run(inputs, outputs, given);
        this.#measure(kernel.name, range, handle, Array.isArray(inputs) ? inputs : [inputs]);
      },
      update: async (weights, given) => {
        const updated = kernel.update(weights, given);
        this.#device.unload(handle);
        handle = compile();
        await updated;
      },
      stats: () => kernel.stats(),
      dispose: () => kernel.dispose(),
      [Symbol.asyncDispose]: () => kernel.dispose(),
    };
  }

  close(): void {
    this.#device.close();
    this.#output.free();
  }

  #measure(kernel: string, { products }: RangeProgram, program: number, inputs: readonly Tensor[]): void {
    const { offset } = this.#output;
    this.#device.evaluate(program, [...inputs.map((input) => input.offset), offset]);
    const view = this.arena.native.view(offset, 4 * products.length);
    const sums = new Float32Array(view.buffer, view.byteOffset, products.length);
    for (const [index, sum] of sums.entries()) {
      const largest = Number.isNaN(sum) ? Number.POSITIVE_INFINITY : sum;
      if (largest <= (this.#ranges.get(kernel)?.largest ?? -1)) continue;
      this.#ranges.set(kernel, { kernel, product: products[index]!, largest });
    }
  }
}

/** Training keeps all weight files in the arena. */
function weightRanges(weights: WeightSources) {
  return Object.entries(weights).map(([path, source]) => {
    if (source instanceof Uint8Array) throw new TypeError(`Expected ${path} in the arena, got bytes`);
    return { path, offset: source.offset, bytes: source.bytes };
  });
}
