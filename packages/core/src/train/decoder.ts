import type { Precision } from '@mayfly/native';
import { ArenaMeter } from '../memory/arena-meter.js';
import type { TensorSource } from '../memory/arena-scope.js';
import type { MilOptions } from '../mil/mil-graph.js';
import type { ModelConfig } from '../model/config.js';
import type { ProgramShape } from '../programs/program-shape.js';
import { BackwardPass } from './backward-pass.js';
import { DynamicStack } from './dynamic-stack.js';
import { ForwardPass } from './forward-pass.js';
import { GradientSums } from './gradient-sums.js';
import type { LayerStack } from './layer-stack.js';
import { ModelState } from './model-state.js';
import type { KernelCompiler } from './stack-kernel.js';
import { StaticStack } from './static-stack.js';
import { Stopwatch } from './stopwatch.js';
import { type ProductRunner, WeightGradients } from './weight-gradients.js';

/** What a decoder is built for. */
export interface DecoderOptions {
  readonly config: ModelConfig;
  /** Windows per pass. */
  readonly batch: number;
  /** Tokens per window. */
  readonly sequence: number;
  readonly weights: 'dynamic' | 'static';
  /** How its programs are written. Default: as most chips take them. */
  readonly form?: MilOptions;
  /** Of host math's matrix products. Default `exact`. */
  readonly precision?: Precision | undefined;
  /** Passes whose gradients are summed into one step. Default 1. */
  readonly passes?: number | undefined;
  /** Computes weight gradients; absent where the model is not trained. */
  readonly products?: ProductRunner | undefined;
}

/** A model laid out in an arena with everything that runs it: parameters, layers, and the passes through them. */
export class Decoder {
  readonly state: ModelState;
  readonly stack: LayerStack;
  readonly forward: ForwardPass;
  /** Null where the model is not trained. */
  readonly backward: BackwardPass | null;
  readonly weightGradients: WeightGradients | null;
  readonly gradientSums: GradientSums | null;
  readonly stopwatch = new Stopwatch();

  /** Takes all the memory it will ever need. Parameters are for the caller to fill in before `load`. */
  constructor(source: TensorSource, options: DecoderOptions) {
    const { config, batch, sequence, weights, form = {}, precision = 'exact', passes = 1, products } = options;
    const { stopwatch } = this;
    this.weightGradients = products === undefined ? null : new WeightGradients(products);
    this.state = new ModelState(source, config, products !== undefined);
    const Stack = weights === 'static' ? StaticStack : DynamicStack;
    const shape: ProgramShape = { ...config, batch, sequence };
    this.stack = new Stack({
      source,
      state: this.state,
      shape,
      form,
      precision,
      weightGradients: this.weightGradients,
      stopwatch,
    });
    this.forward = new ForwardPass(source, this.stack, stopwatch);
    this.gradientSums = products === undefined ? null : new GradientSums(source, this.state, passes);
    this.backward =
      this.gradientSums === null ? null : new BackwardPass(source, this.forward, this.gradientSums, stopwatch);
  }

  /** Compiles the kernels with the parameters as they are. */
  load(compiler: KernelCompiler): Promise<void> {
    return this.stopwatch.wait('compile', this.stack.load(compiler));
  }

  /** Unloads the kernels once no host thread uses the tensors any more, which belong to their source. */
  async dispose(): Promise<void> {
    // What failed was thrown where it was needed, or is needed no longer.
    await this.weightGradients?.settleAll().catch(() => {});
    await this.stack.dispose();
  }
}

/** Bytes of an arena that holds a decoder, exactly. */
export function arenaBytesFor(options: Omit<DecoderOptions, 'products'> & { readonly training: boolean }): number {
  const meter = new ArenaMeter();
  try {
    const products = { run: () => Promise.resolve() };
    new Decoder(meter, options.training ? { ...options, products } : options);
    return meter.bytes;
  } finally {
    meter.close();
  }
}
