import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { TableRows } from './optimizer.js';

/**
 * The tokens of the passes that begin at once after an update: their rows of the embedding's table are updated first, by themselves. Of the other
 * rows a pass has to wait for the rest of the update.
 */
export class ExpectedTokens {
  /** int32 [passes, columns], as rows of the table. */
  readonly #ids: Tensor<'int32'>;
  readonly #columns: number;
  /** Of the last update. */
  #rows: ReadonlySet<number> = new Set();

  constructor(source: TensorSource, columns: number, passes: number) {
    this.#ids = source.tensor('int32', [passes * columns]);
    this.#columns = columns;
  }

  /** Those of a pass, to be written before `take`. */
  of(pass: number): Tensor<'int32'> {
    return this.#ids.at(pass * this.#columns, [this.#columns]);
  }

  /** The rows of the first passes, which the update takes first. */
  take(passes: number): TableRows {
    const count = passes * this.#columns;
    this.#rows = new Set(this.#ids.array().subarray(0, count));
    return { offset: this.#ids.offset, count };
  }

  /** Whether the last update began with the rows of all these tokens. */
  hasAll(tokens: Int32Array): boolean {
    return tokens.every((token) => this.#rows.has(token));
  }
}
