import type { StoredWeights } from './weight-store.js';

/** A kernel's weights from one `update` to the next. */
export interface Version {
  readonly epoch: number;
  readonly weights: StoredWeights;
  /** Settles the call that asked for it; null once it has. */
  settle: ((error: Error | null) => void) | null;
}

/** A kernel's weights over time: those that runs see now, and those of updates that are not compiled yet. */
export class WeightVersions {
  #serving: Version;
  readonly #updates: Version[] = [];
  #epoch = 0;

  constructor(weights: StoredWeights, settle: Version['settle']) {
    this.#serving = { epoch: 0, weights, settle };
  }

  get serving(): Version {
    return this.#serving;
  }

  /** The next update. */
  get next(): Version | undefined {
    return this.#updates[0];
  }

  /** What a run that is called now will see. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The same weights once more. */
  again(): StoredWeights {
    return (this.#updates.at(-1) ?? this.#serving).weights.again();
  }

  add(weights: StoredWeights, settle: Version['settle']): void {
    this.#epoch += 1;
    this.#updates.push({ epoch: this.#epoch, weights, settle });
  }

  /** From now on runs see this one: the next update, or what is served already, at another place. */
  serve(version: Version): void {
    if (version !== this.#serving) {
      this.#serving.weights.free();
      this.#serving = version;
      this.#updates.shift();
    }
    settle(version, null);
  }

  /** An update came to nothing. */
  drop(version: Version, error: Error): void {
    this.#updates.splice(this.#updates.indexOf(version), 1);
    if (this.#updates.length === 0) this.#epoch = this.#serving.epoch;
    version.weights.free();
    settle(version, error);
  }

  /** All of them came to nothing. */
  end(error: Error): void {
    for (const version of [this.#serving, ...this.#updates.splice(0)]) {
      version.weights.free();
      settle(version, error);
    }
  }
}

function settle(version: Version, error: Error | null): void {
  version.settle?.(error);
  version.settle = null;
}
