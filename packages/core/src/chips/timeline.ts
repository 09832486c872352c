/** Milliseconds of a task, by the part of the step that they count as. */
export type Parts<Part extends string> = Readonly<Partial<Record<Part, number>>>;

/** Tasks that the queue has of those held back. */
const TAKEN = 2;

/** A task of the host-math queue. */
export interface QueueTask<Part extends string> {
  readonly parts: Parts<Part>;
  /** Whether it was held back. */
  readonly isHeld: boolean;
  /** When it ends; undefined while it has not begun. */
  end?: number;
}

interface Held<Part extends string> {
  readonly rank: number;
  readonly task: QueueTask<Part>;
}

interface Span<Part extends string> {
  readonly part: Part;
  readonly begin: number;
  readonly end: number;
}

/**
 * The main process, the engine with its worker, and the host-math queue, which work beside each other. The main process computes and waits. The
 * engine evaluates in the order of the calls. The queue runs its tasks in their order, among which are always two of those held back, if there are any. The
 * main process's time counts as its own computation and, while it waits, as the engine's work or, where the engine is idle, as the queue's.
 */
export class Timeline<Part extends string> {
  #now = 0;
  #engineFree = 0;
  #queueFree = 0;
  readonly #queued: QueueTask<Part>[] = [];
  readonly #held: Held<Part>[] = [];
  #taken = 0;
  #evaluated: Span<Part>[] = [];
  #computed: Span<Part>[] = [];
  readonly #parts = new Map<Part, number>();

  /** Milliseconds that the main process has spent. */
  get now(): number {
    return this.#now;
  }

  /** Milliseconds since the last call, by part: all of the main process's time. */
  takeParts(): Map<Part, number> {
    const taken = new Map(this.#parts);
    this.#parts.clear();
    return taken;
  }

  /** The main process computes. */
  compute(part: Part, ms: number): void {
    this.#count(part, ms);
    this.#now += ms;
  }

  /** Sends the engine an evaluation, and returns the wait for it. */
  evaluate(parts: Parts<Part>): () => void {
    this.#engineFree = addSpans(this.#evaluated, Math.max(this.#engineFree, this.#now), parts);
    const end = this.#engineFree;
    return () => this.#waitUntil(end);
  }

  /** Queues a task. */
  queue(parts: Parts<Part>): QueueTask<Part> {
    this.#runUntil(this.#now);
    const task: QueueTask<Part> = { parts, isHeld: false };
    this.#queued.push(task);
    return task;
  }

  /** Holds a task back until the queue has less than two of those held back: one of a low rank comes first, as in `WeightGradients`. */
  hold(rank: number, parts: Parts<Part>): QueueTask<Part> {
    this.#runUntil(this.#now);
    const task: QueueTask<Part> = { parts, isHeld: true };
    this.#held.push({ rank, task });
    this.#take();
    return task;
  }

  /** The main process waits for a task, if there is one. */
  wait(task: QueueTask<Part> | undefined): void {
    if (task === undefined) return;
    while (task.end === undefined) this.#runNext();
    this.#waitUntil(task.end);
  }

  #waitUntil(time: number): void {
    this.#evaluated = this.#evaluated.filter(({ end }) => end > this.#now);
    this.#computed = this.#computed.filter(({ end }) => end > this.#now);
    let from = this.#now;
    for (const { part, begin, end } of this.#evaluated) {
      if (begin >= time) break;
      this.#countQueue(from, begin);
      from = Math.max(from, begin);
      const until = Math.min(end, time);
      this.#count(part, Math.max(0, until - from));
      from = Math.max(from, until);
    }
    this.#countQueue(from, time);
    this.#now = Math.max(this.#now, time);
  }

  #countQueue(from: number, to: number): void {
    for (const { part, begin, end } of this.#computed) {
      this.#count(part, Math.max(0, Math.min(end, to) - Math.max(begin, from)));
    }
  }

  #runUntil(time: number): void {
    while (this.#queueFree < time && this.#queued.length > 0) this.#runNext();
    this.#queueFree = Math.max(this.#queueFree, time);
  }

  #runNext(): void {
    const task = this.#queued.shift()!;
    this.#queueFree = addSpans(this.#computed, this.#queueFree, task.parts);
    task.end = this.#queueFree;
    if (!task.isHeld) return;
    this.#taken -= 1;
    this.#take();
  }

  #take(): void {
    while (this.#taken < TAKEN && this.#held.length > 0) {
      const first = this.#held.reduce((a, { rank }, index) => (rank < this.#held[a]!.rank ? index : a), 0);
      this.#queued.push(this.#held.splice(first, 1)[0]!.task);
      this.#taken += 1;
    }
  }

  #count(part: Part, ms: number): void {
    this.#parts.set(part, (this.#parts.get(part) ?? 0) + ms);
  }
}

/** Adds the parts of a task, one after the other, and returns the end of the last. */
function addSpans<Part extends string>(spans: Span<Part>[], begin: number, parts: Parts<Part>): number {
  let end = begin;
  for (const [part, ms] of Object.entries(parts) as [Part, number][]) {
    spans.push({ part, begin: end, end: end + ms });
    end += ms;
  }
  return end;
}
