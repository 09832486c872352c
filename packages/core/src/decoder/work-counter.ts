import type { StepWork } from '../chips/step-work.js';

type HostWork = keyof StepWork['host'];

/** Counts the work of a decoder where it is done. */
export class WorkCounter {
  #dispatches = 0;
  #compilations = 0;
  #copiedBytes = 0;
  #prefetchedBytes = 0;
  readonly #host: Record<HostWork, number> = {
    norms: 0,
    classifierProducts: 0,
    losses: 0,
    weightGradients: 0,
    updates: 0,
    copiedBytes: 0,
    convertedElements: 0,
    addedElements: 0,
    foldedElements: 0,
  };
  readonly #waits: Record<keyof StepWork['waits'], number> = { kernels: 0, hostMath: 0, hostThreads: 0 };

  /** Everything so far. */
  get total(): StepWork {
    return {
      dispatches: this.#dispatches,
      compilations: this.#compilations,
      copiedBytes: this.#copiedBytes,
      prefetchedBytes: this.#prefetchedBytes,
      host: { ...this.#host },
      waits: { ...this.#waits },
    };
  }

  /** Everything since an earlier total. */
  since(before: StepWork): StepWork {
    const { total } = this;
    return {
      dispatches: total.dispatches - before.dispatches,
      compilations: total.compilations - before.compilations,
      copiedBytes: total.copiedBytes - before.copiedBytes,
      prefetchedBytes: total.prefetchedBytes - before.prefetchedBytes,
      host: difference(total.host, before.host),
      waits: difference(total.waits, before.waits),
    };
  }

  dispatched(): void {
    this.#dispatches += 1;
  }

  compiled(): void {
    this.#compilations += 1;
  }

  /** Bytes between the arena and the surfaces of workers, by dispatches and before them. */
  copied(bytes: number, prefetched: number): void {
    this.#copiedBytes += bytes;
    this.#prefetchedBytes += prefetched;
  }

  did(work: HostWork, count = 1): void {
    this.#host[work] += count;
  }

  waited(activity: string): void {
    if (activity in this.#waits) this.#waits[activity as keyof StepWork['waits']] += 1;
  }
}

const difference = <Name extends string>(counts: Readonly<Record<Name, number>>, before: typeof counts) =>
  Object.fromEntries(
    Object.entries<number>(counts).map(([name, count]) => [name, count - before[name as Name]]),
  ) as Record<Name, number>;
