/**
 * Work that is under way, by the part of the model that it concerns: what needs a part waits for its work, and for nothing else. An error
 * reaches whoever settles the part first.
 *
 * @template Part Identifies a part.
 */
export class PendingTasks<Part> {
  readonly #pending = new Map<Part, Promise<unknown>>();

  add(part: Part, task: Promise<unknown>): void {
    const pending = Promise.all([this.#pending.get(part), task]);
    // The error reaches whoever settles the part; until then it must not count as an unhandled rejection.
    pending.catch(() => {});
    this.#pending.set(part, pending);
  }

  /** Whether work on the part has not been settled. */
  has(part: Part): boolean {
    return this.#pending.has(part);
  }

  /** Resolves once all work on the part is done. */
  async settle(part: Part): Promise<void> {
    const task = this.#pending.get(part);
    if (task === undefined) return;
    try {
      await task;
    } finally {
      if (this.#pending.get(part) === task) this.#pending.delete(part);
    }
  }

  /** Settles every part, then throws the first error. */
  async settleAll(): Promise<void> {
    const settled = await Promise.allSettled([...this.#pending.keys()].map((part) => this.settle(part)));
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
  }
}
