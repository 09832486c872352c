/** Passes on a text, piece by piece, up to the first of some strings. */
export class StopText {
  readonly #stops: readonly string[];
  /** The end of the text so far that may be the beginning of a stop. */
  #held = '';
  #ended = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Whether a stop was found: nothing more is passed on. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The part of the text that can be passed on once this piece is there. */
  write(piece: string): string {
    if (this.#ended) return '';
    const text = this.#held + piece;
    const places = this.#stops.map((stop) => text.indexOf(stop)).filter((place) => place !== -1);
    this.#ended = places.length > 0;
    const end = this.#ended ? Math.min(...places) : text.length - this.#open(text);
    this.#held = this.#ended ? '' : text.slice(end);
    return text.slice(0, end);
  }

  /** The rest of a text in which no stop follows. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  /** Length of the longest end of a text with which a stop begins. */
  #open(text: string): number {
    const longest = Math.max(0, ...this.#stops.map(({ length }) => length - 1));
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      if (this.#stops.some((stop) => stop.startsWith(text.slice(-length)))) return length;
    }
    return 0;
  }
}
