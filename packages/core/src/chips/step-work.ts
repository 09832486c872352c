/** The work of training steps, counted. `planTraining` counts it without running, and a trainer where it is done. */
export interface StepWork {
  /** Evaluations of kernels. */
  readonly dispatches: number;
  /** Of programs whose weights the step changed. The first step needs as many, or one for each program, before it. */
  readonly compilations: number;
  /** Bytes that dispatches copied between the arena and the surfaces of workers. */
  readonly copiedBytes: number;
  /** Bytes that were copied beside other work: of their inputs before, of their outputs after. */
  readonly prefetchedBytes: number;
  /** What the host computes beside the kernels, by kind. */
  readonly host: {
    /** Forward and backward, with the residual sums beside them. */
    readonly norms: number;
    /** Products of the classifier: forward, and toward its input and weights. */
    readonly classifierProducts: number;
    readonly losses: number;
    /** Products of a layer's gradients with its activations. */
    readonly weightGradients: number;
    /** Parameters that the optimizer updates, each a tensor. */
    readonly updates: number;
    /**
     * Bytes copied from one surface of the arena to another: weights that several hold; where kernels do not get parts of their inputs from
     * where they lie, also saved tensors, and what one program of a pass hands to another.
     */
    readonly copiedBytes: number;
    /** Elements converted between fp32 and fp16, but for weights that an update writes in passing. */
    readonly convertedElements: number;
    /** Elements of gradients added up over passes by reading and writing them once more, which products that are added as they are made do not. */
    readonly addedElements: number;
    /** Elements of earlier passes' sums that are read and added along with another addition or with a product. */
    readonly foldedElements: number;
  };
  /** How often the main process waits before it goes on, for each activity. */
  readonly waits: Readonly<Record<'kernels' | 'hostMath' | 'hostThreads', number>>;
}
