/** Milliseconds of a task, by the part of the step that they count as. */
export type Parts<Part extends string> = Readonly<Partial<Record<Part, number>>>;

/** A task of the host-math queue. */
export interface QueueTask<Part extends string> {
  readonly parts: Parts<Part>;
  /** None begins while one of a lower rank waits. */
  readonly rank: number;
  /** When it ends; undefined while it has not begun. */
  end?: number;
}

/** What a pass waits for: a time, the end of a task, or another pass. */
export type Wait<Part extends string> = number | QueueTask<Part> | (() => boolean);

/** A pass: yields each wait, and is resumed when that is over. */
export type Waits<Part extends string> = Generator<Wait<Part> | undefined, void>;

/** Where a kernel is evaluated. */
export interface Evaluation {
  /** From 0. Default: 0. */
  readonly worker?: number;
  /** Milliseconds until the engine is needed. Default: 0. */
  readonly setUp?: number;
  /** Milliseconds for which it is. Default: 0. */
  readonly engine?: number;
}

interface Span<Part extends string> {
  readonly part: Part;
  readonly begin: number;
  readonly end: number;
}

/**
 * The main process, workers with the engines, and the host-math queue, which work beside each other. The main process computes for one pass at a time, and waits
 * where all passes under way do. A worker evaluates in the order of the calls, and needs an engine for a part of the time. The queue runs its tasks by rank, and those of one rank in their order. The
 * main process's time counts as its own computation and, while it waits, as the engine's work or, where the engine is idle, as the queue's.
 */
export class Timeline<Part extends string> {
  #now = 0;
  /** By worker. */
  readonly #workerFree: number[] = [];
  readonly #engineFree: number[];
  #queueFree = 0;
  /** In the order in which they will run. */
  readonly #queued: QueueTask<Part>[] = [];
  #evaluated: Span<Part>[] = [];
  #computed: Span<Part>[] = [];
  readonly #parts = new Map<Part, number>();

  /** @param engines That work at once. Default: 1. */
  constructor(engines = 1) {
    this.#engineFree = Array.from({ length: engines }, () => 0);
  }

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

  /** Sends a worker an evaluation, and returns when it ends. */
  evaluate(parts: Parts<Part>, { worker = 0, setUp = 0, engine = 0 }: Evaluation = {}): number {
    const first = this.#engineFree.indexOf(Math.min(...this.#engineFree));
    const begin = Math.max(this.#workerFree[worker] ?? 0, this.#now, engine > 0 ? this.#engineFree[first]! - setUp : 0);
    const end = addSpans(this.#evaluated, begin, parts);
    if (this.#workerFree.length > 1) this.#evaluated.sort((a, b) => a.begin - b.begin);
    if (engine > 0) this.#engineFree[first] = begin + setUp + engine;
    this.#workerFree[worker] = end;
    return end;
  }

  /** Runs passes beside each other until all have ended: the main process resumes the pass whose wait is over first. */
  run(passes: readonly Waits<Part>[]): void {
    const running = new Map<Waits<Part>, Wait<Part> | undefined>(passes.map((pass) => [pass, undefined]));
    while (running.size > 0) {
      const times = [...running].map(([pass, wait]) => ({ pass, time: this.#timeOf(wait) }));
      const { pass, time } = times.reduce((a, b) => (b.time < a.time ? b : a));
      if (time === Number.POSITIVE_INFINITY) throw new RangeError('Expected a pass that can go on');
      this.#waitUntil(time);
      const { done, value } = pass.next();
      if (done === true) running.delete(pass);
      else running.set(pass, value as Wait<Part> | undefined);
    }
  }

  /** When a wait is over, as far as is known. */
  #timeOf(wait: Wait<Part> | undefined): number {
    if (wait === undefined) return 0;
    if (typeof wait === 'number') return wait;
    if (typeof wait === 'function') return wait() ? this.#now : Number.POSITIVE_INFINITY;
    while (wait.end === undefined) this.#runNext();
    return wait.end;
  }

  /**
   * Queues a task.
   *
   * @param rank Default: 0.
   */
  queue(parts: Parts<Part>, rank = 0): QueueTask<Part> {
    this.#runUntil(this.#now);
    const task: QueueTask<Part> = { parts, rank };
    const later = this.#queued.findIndex((each) => each.rank > rank);
    this.#queued.splice(later === -1 ? this.#queued.length : later, 0, task);
    return task;
  }

  /** The main process waits for a task, if there is one. */
  wait(task: QueueTask<Part> | undefined): void {
    if (task !== undefined) this.#waitUntil(this.#timeOf(task));
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
