/**
 * Closes what was opened, the last first: the part of ECMAScript's `AsyncDisposableStack` that we need, which Node 20 lacks.
 * Opening several things is then safe at every step: `await using opened = new DisposeStack()` closes them when one of the
 * next steps throws, and `move` hands them over when all went well.
 */
export class DisposeStack implements AsyncDisposable {
  #disposers: (() => unknown)[] = [];

  /** Takes a thing that `dispose` closes, and returns it. */
  adopt<Value>(value: Value, dispose: (value: Value) => unknown): Value {
    this.#disposers.push(() => dispose(value));
    return value;
  }

  /** Hands everything over to a new stack. */
  move(): DisposeStack {
    const moved = new DisposeStack();
    moved.#disposers = this.#disposers;
    this.#disposers = [];
    return moved;
  }

  /** Closes everything, whatever fails on the way. Throws the first failure. Idempotent. */
  async disposeAsync(): Promise<void> {
    const failures: unknown[] = [];
    for (let dispose = this.#disposers.pop(); dispose !== undefined; dispose = this.#disposers.pop()) {
      try {
        await dispose();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync();
  }
}
