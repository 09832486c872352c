import type { Precision } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { DeviceClassifier } from './device-classifier.js';
import { haveDocumentMasks, writeDocuments } from './document-masks.js';
import type { Dropout, TrainingPass } from './dropout.js';
import type { ExpectedTokens } from './expected-tokens.js';
import type { GradientSums } from './gradient-sums.js';
import { Head } from './head.js';
import type { Layers } from './layers.js';
import type { ModelState } from './model-state.js';
import type { UpdatedPart } from './optimizer.js';
import type { PendingTasks } from './pending-tasks.js';
import type { Stopwatch } from './stopwatch.js';
import type { Turns } from './turns.js';
import type { WeightGradients } from './weight-gradients.js';

export interface PassRunnerOptions {
  readonly state: ModelState;
  readonly precision: Precision;
  readonly updates: PendingTasks<UpdatedPart>;
  readonly stopwatch: Stopwatch;
  readonly classifier: DeviceClassifier | null;
  readonly turns: Turns;
  readonly inFlight: number;
  /** The following two as `HeadOptions`. */
  readonly expected: ExpectedTokens | null;
  readonly holdsBack: boolean;
  /** Null where nothing is dropped. */
  readonly dropout: Dropout | null;
  /** The following are null where the model is not trained. */
  readonly sums: GradientSums | null;
  readonly weightGradients: WeightGradients | null;
}

/** Parts of a pass that is told more than its tokens. */
export interface ForwardOptions {
  /** The number of each token's document within its window, from 0, where the layers have document masks. Default: each window is one document. */
  readonly documents?: Int32Array | undefined;
  /** Draws the masks of dropout for a pass. Without it, nothing is dropped. */
  readonly training?: TrainingPass | undefined;
}

/**
 * Runs passes, one after the other, in memory of its own: the surfaces of its layers, tokens, residual stream and its gradient. A decoder has as
 * many as it has passes in flight. Parameters and sums of gradients are the decoder's.
 */
export class PassRunner {
  /** Replaced when the layers are written in another form. */
  layers: Layers;
  readonly head: Head;
  readonly #options: PassRunnerOptions;

  constructor(source: TensorSource, layers: Layers, options: PassRunnerOptions) {
    const { columns } = layers;
    this.layers = layers;
    this.#options = options;
    this.head = new Head(source, { ...options, columns });
  }

  /** As `Decoder.forward`. */
  async forward(tokens: ArrayLike<number>, { documents, training }: ForwardOptions = {}): Promise<void> {
    this.#options.dropout?.write(this.layers, training);
    if (haveDocumentMasks(this.layers)) writeDocuments(this.layers, documents);
    this.head.setTokens(tokens);
    await this.head.embed(this.layers.input);
    await this.layers.forward(training?.pass);
    await this.head.normalize(this.layers.output);
  }

  /** As `Decoder.backward`. */
  async backward(targets: ArrayLike<number>, gradientScale: number, pass: number): Promise<number> {
    const { sums, turns } = this.#options;
    const gradients = sums!.pass(pass);
    this.layers.prefetchBackward();
    if (this.head.tiesTable) await turns.after('embedding', gradients.tableAfter);
    const loss = await turns.take('loss', pass, () =>
      this.head.lossBackward(targets, this.layers.output, gradientScale, gradients),
    );
    await this.layers.backward(this.head.gradient!, gradients);
    await turns.take('embedding', pass, () => {
      this.head.embedBackward(gradients, this.layers.gradientsQueued);
    });
    return loss;
  }

  /** As `Decoder.findOverflow`. */
  async findOverflow(): Promise<string | null> {
    let found: string | null = null;
    await this.head.embed(this.layers.input);
    await this.layers.forward(0, (block) => {
      const slot = found === null ? block.overflow() : undefined;
      if (slot !== undefined) found = `${block.key} (${slot})`;
    });
    return found;
  }
}
