import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { ModelConfig } from '../model/config.js';
import { type ParameterEntry, ParameterLayout } from '../model/parameters.js';

/** A model's fp32 masters in the arena and, for training, what the optimizer keeps beside them: blocks of one layout. */
export class ModelState {
  readonly layout: ParameterLayout;
  readonly parameters: Tensor<'fp32'>;
  /** The following have no elements where the model is not trained. */
  readonly gradients: Tensor<'fp32'>;
  readonly firstMoments: Tensor<'fp32'>;
  readonly secondMoments: Tensor<'fp32'>;

  constructor(
    source: TensorSource,
    readonly config: ModelConfig,
    /** Whether the model is trained. */
    readonly training: boolean,
  ) {
    this.layout = new ParameterLayout(config);
    const block = (count: number) => source.tensor('fp32', [count]);
    this.parameters = block(this.layout.count);
    const trained = training ? this.layout.count : 0;
    this.gradients = block(trained);
    this.firstMoments = block(trained);
    this.secondMoments = block(trained);
  }

  /** Whether the parameters of a layer, or one outside the layers, are updated. */
  isTrained(_part: number | 'embedding' | 'finalNorm' | 'head'): boolean {
    return this.training;
  }

  /** Arena offset of a parameter. */
  parameter(name: string, layer = -1): number {
    return offsetIn(this.parameters, this.layout.entry(name, layer));
  }
}

/** Arena offset of an entry in one of the flat blocks. */
export const offsetIn = (block: Tensor<'fp32'>, entry: Pick<ParameterEntry, 'offset'>): number =>
  block.offset + 4 * entry.offset;
