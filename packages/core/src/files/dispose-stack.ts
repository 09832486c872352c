/**
 * Closes resources in reverse order: the necessary part of ECMAScript's `AsyncDisposableStack`, which Node 20 lacks.
 * `await using opened = new DisposeStack()` closes everything that was adopted if a later step throws; after success, `move` passes it
 * on.
 */
export class DisposeStack implements AsyncDisposable {
  #disposers: (() => unknown)[] = [];

  /** Adds a value that `dispose` closes, and returns the value. */
  adopt<Value>(value: Value, dispose: (value: Value) => unknown): Value {
    this.#disposers.push(() => dispose(value));
    return value;
  }

  /** Moves all resources to a new stack. */
  move(): DisposeStack {
    const moved = new DisposeStack();
    moved.#disposers = this.#disposers;
    this.#disposers = [];
    return moved;
  }

  /** Closes all resources, even if some fail; then throws the first failure. Idempotent. */
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
