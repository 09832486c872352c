import { invalidArgument } from '@mayfly/native';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { seededRandom } from './seeded-random.js';
import { shuffledIndex } from './shuffled-order.js';
import { DOCUMENT_START, expectTokens, type TokenStream, UNCOUNTED } from './token-stream.js';

/** A target that does not count: it has no loss and no gradient. */
export const IGNORED_TARGET = -1;

/** Targets that count. */
export const countTargets = (targets: Int32Array): number =>
  targets.reduce((count, target) => count + (target === IGNORED_TARGET ? 0 : 1), 0);

/** The position within an order: plain data, for checkpoints. */
export type WindowState =
  | { readonly order: 'sequential'; readonly taken: number }
  | { readonly order: 'random'; readonly random: readonly number[] }
  | { readonly order: 'shuffled'; readonly seed: number; readonly taken: number };

/** A window's place in the stream. */
interface WindowPlace {
  readonly start: number;
  /** Targets at its beginning that do not count, since another window has them. */
  readonly ignored: number;
}

/** Chooses the place of each window of a batch. It can be stopped and resumed anywhere. */
interface WindowOrder {
  next(): WindowPlace;
  state(): WindowState;
}

/** Reads windows of a stream with the marks of their tokens. */
export class WindowReader {
  readonly #stream: TokenStream;
  readonly #window: number;
  readonly #tokens: Int32Array;
  readonly #marks: Uint8Array;

  /** @param window Tokens in a window: T. */
  constructor(stream: TokenStream, window: number) {
    this.#stream = stream;
    this.#window = window;
    this.#tokens = new Int32Array(window + 1);
    this.#marks = new Uint8Array(window + 1);
  }

  /**
   * Writes s[o … o+T−1] to `inputs` and s[o+1 … o+T] to `targets`, from index `to` on. Targets that do not count become −1.
   *
   * @param documents Receives the number of each input's document within the window, from 0; the first token of a document is then no
   * target, since nothing that its document holds leads to it. Default: documents make no difference.
   */
  read(offset: number, to: number, inputs: Int32Array, targets: Int32Array, documents?: Int32Array): void {
    const [tokens, marks] = [this.#tokens, this.#marks];
    this.#stream.read(offset, tokens);
    inputs.set(tokens.subarray(0, this.#window), to);
    targets.set(tokens.subarray(1), to);
    this.#stream.readMarks?.(offset, marks);
    const ignored = documents === undefined ? UNCOUNTED : UNCOUNTED | DOCUMENT_START;
    let document = 0;
    for (let index = 0; index < this.#window; index++) {
      if (marks[index + 1]! & ignored) targets[to + index] = IGNORED_TARGET;
      if (documents === undefined) continue;
      if (index > 0 && marks[index]! & DOCUMENT_START) document += 1;
      documents[to + index] = document;
    }
  }
}

/** Cuts batches of windows from a stream. */
export class Windows {
  readonly #stream: TokenStream;
  readonly #window: number;
  readonly #epochs: number;
  #order: WindowOrder;
  readonly #reader: WindowReader;

  /**
   * @param window Tokens in a window: T.
   * @param from `sequential` takes windows 0, 1, 2, … and starts over at the end; `random` takes any T + 1 tokens in a row,
   * all positions alike; `shuffled` takes all windows of an epoch in a random order, then those of the next in another. Or the state of an earlier object, to go on from there.
   * @param seed Of the random orders. Default: 0.
   * @param epochs Of the shuffled order, after which no target of a window counts. Default: no end.
   * @throws `ERR_DATA_SHORT` if the stream is shorter than a window.
   */
  constructor(
    stream: TokenStream,
    window: number,
    from: WindowState['order'] | WindowState,
    seed = 0,
    epochs = Number.POSITIVE_INFINITY,
  ) {
    expectTokens(stream, window + 1, `a window of ${window} and its last target`);
    this.#stream = stream;
    this.#window = window;
    this.#epochs = epochs;
    this.#reader = new WindowReader(stream, window);
    this.#order = this.#orderFrom(from, seed);
  }

  /**
   * Fills the next batch: row b of `inputs` holds s[o … o+T−1] and of `targets` s[o+1 … o+T] for a start offset o; a target that does
   * not count is −1.
   *
   * @param inputs [batch, T].
   * @param targets [batch, T].
   * @param documents [batch, T]: as `WindowReader.read` writes them. Default: none.
   */
  next(inputs: Int32Array, targets: Int32Array, documents?: Int32Array): void {
    if (inputs.length % this.#window !== 0 || targets.length !== inputs.length) {
      const expected = `a multiple of ${this.#window}, the same for both`;
      throw invalidArgument('inputs.length and targets.length', expected, `${inputs.length} and ${targets.length}`);
    }
    for (let row = 0; row < inputs.length; row += this.#window) {
      const { start, ignored } = this.#order.next();
      this.#reader.read(start, row, inputs, targets, documents);
      targets.fill(IGNORED_TARGET, row, row + ignored);
    }
  }

  /**
   * As `next`, which will give the same batch afterwards.
   *
   * @param skipped Windows before the batch, which are passed over. Default: 0.
   */
  peek(inputs: Int32Array, targets: Int32Array, skipped = 0): void {
    const before = this.state();
    for (let window = 0; window < skipped; window++) this.#order.next();
    this.next(inputs, targets);
    this.restore(before);
  }

  /** The state from which the constructor continues exactly here. */
  state(): WindowState {
    return this.#order.state();
  }

  /** Goes on from an earlier state. */
  restore(state: WindowState): void {
    this.#order = this.#orderFrom(state, 0);
  }

  #orderFrom(from: WindowState['order'] | WindowState, seed: number): WindowOrder {
    const [stream, window] = [this.#stream, this.#window];
    if (from === 'random' || (typeof from === 'object' && from.order === 'random')) {
      const random = from === 'random' ? seededRandom(seed, 'windows').getState() : from.random;
      return new RandomOrder(stream.length - window, random);
    }
    if (from === 'shuffled' || (typeof from === 'object' && from.order === 'shuffled')) {
      const state = from === 'shuffled' ? { seed, taken: 0 } : from;
      return new ShuffledOrder(stream.length, window, this.#epochs, state);
    }
    if (from === 'sequential' || from.order === 'sequential')
      return new SequentialOrder(countWindows(stream, window), window, from === 'sequential' ? 0 : from.taken);
    throw invalidArgument('order', 'sequential, random or shuffled', from);
  }
}

/** Windows of `window` tokens in a stream: window w holds inputs s[wT … wT+T−1] and targets s[wT+1 … wT+T]. */
export function countWindows(stream: TokenStream, window: number): number {
  return Math.max(0, Math.floor((stream.length - 1) / window));
}

class SequentialOrder implements WindowOrder {
  constructor(
    readonly count: number,
    readonly window: number,
    public taken: number,
  ) {}

  next(): WindowPlace {
    return { start: (this.taken++ % this.count) * this.window, ignored: 0 };
  }

  state(): WindowState {
    return { order: 'sequential', taken: this.taken };
  }
}

/** Windows of a shuffled epoch: the last ends at the end of the stream, so that each token but the first is a target once. */
export const countShuffled = ({ length }: TokenStream, window: number): number => Math.ceil((length - 1) / window);

class ShuffledOrder implements WindowOrder {
  readonly #count: number;
  readonly #seed: number;
  #taken: number;

  constructor(
    readonly length: number,
    readonly window: number,
    readonly epochs: number,
    { seed, taken }: { readonly seed: number; readonly taken: number },
  ) {
    this.#count = Math.ceil((length - 1) / window);
    this.#seed = seed;
    this.#taken = taken;
  }

  next(): WindowPlace {
    const epoch = Math.floor(this.#taken / this.#count);
    if (epoch >= this.epochs) return { start: 0, ignored: this.window };
    const index = shuffledIndex(this.#taken % this.#count, this.#count, [this.#seed, epoch]);
    this.#taken += 1;
    const last = this.length - 1 - this.window;
    const start = Math.min(index * this.window, last);
    return { start, ignored: index * this.window - start };
  }

  state(): WindowState {
    return { order: 'shuffled', seed: this.#seed, taken: this.#taken };
  }
}

class RandomOrder implements WindowOrder {
  readonly #random;

  constructor(
    readonly positions: number,
    state: readonly number[],
  ) {
    this.#random = xoroshiro128plusFromState(state);
  }

  next(): WindowPlace {
    return { start: uniformInt(this.#random, 0, this.positions - 1), ignored: 0 };
  }

  state(): WindowState {
    return { order: 'random', random: [...this.#random.getState()] };
  }
}
