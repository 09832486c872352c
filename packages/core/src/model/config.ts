/** Shape of a Llama-family decoder: RMSNorm, RoPE, grouped-query attention, SwiGLU. Sizes count elements. */
export interface ModelConfig {
  /** Width of the residual stream. */
  readonly dim: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
  readonly layers: number;
  /** Query heads; a multiple of `kvHeads`. Query head h attends with key/value head ⌊h·kvHeads/heads⌋. */
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocab: number;
  /** Longest context, in tokens. */
  readonly sequence: number;
  /** Added to the mean square in RMSNorm. */
  readonly eps: number;
  readonly ropeBase: number;
  /** `interleaved` rotates (2i, 2i+1), as llama2.c does; `half` rotates (i, i + headDim/2), as Hugging Face does. */
  readonly ropePairing: 'interleaved' | 'half';
  /** The classifier is the embedding table. */
  readonly tiedHead: boolean;
}
