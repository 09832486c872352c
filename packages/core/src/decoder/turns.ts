/** Waits for its turn at a place. */
interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets the passes of a step work at a place in the order of their indices, whichever pass comes first. A place is a sum of gradients, or
 * something else that the passes share.
 */
export class Turns {
  /** By place, the pass whose turn it is. */
  readonly #next = new Map<string, number>();
  readonly #waiting = new Map<string, Map<number, Waiting[]>>();
  #failure: { readonly error: unknown } | null = null;

  /** A step begins. No pass may be under way. */
  begin(): void {
    this.#next.clear();
    this.#failure = null;
  }

  /** A pass failed: those that wait, or will, fail with the same error. Only the first call of a step has an effect. */
  fail(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = { error };
    const waiting = [...this.#waiting.values()].flatMap((passes) => [...passes.values()].flat());
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }

  /** The error of the step's first pass that failed; null where none did. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** Calls `work` once all earlier passes have left the place. The first pass of a step waits for nothing. */
  async take<Result>(place: string, pass: number, work: () => Result | Promise<Result>): Promise<Result> {
    await this.after(place, pass - 1);
    const result = await work();
    this.#next.set(place, pass + 1);
    const passes = this.#waiting.get(place);
    for (const { resolve } of passes?.get(pass) ?? []) resolve();
    passes?.delete(pass);
    return result;
  }

  /** Resolves once a pass has left the place; at once for one before the first. */
  after(place: string, pass: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure.error;
      if (pass < 0 || (this.#next.get(place) ?? 0) > pass) {
        resolve();
        return;
      }
      const passes = this.#waiting.get(place) ?? new Map<number, Waiting[]>();
      this.#waiting.set(place, passes);
      passes.set(pass, [...(passes.get(pass) ?? []), { resolve, reject }]);
    });
  }
}
