import { createHash } from 'node:crypto';
import type { MayflyError } from '@mayfly/native';
import type { Arena } from '../../memory/arena.js';
import { isSameRefusal } from '../errors.js';
import type { KernelHandle } from '../kernel/kernel-handle.js';
import type { ProgramSource } from '../worker/worker-process.js';
import type { Work } from './health.js';
import type { Worker } from './roster.js';

interface Trial {
  readonly work: Work;
  readonly failures: Map<Worker, MayflyError>;
}

/** Refused programs that are remembered; the oldest are forgotten. */
const MOST = 256;
/** Hashed at a time. Pieces at multiples of their size lie within the buffers that views share. */
const CHUNK = 2 ** 26;

/**
 * Programs that failed before they ever worked. The result on a second worker decides: if the program fails there in the same way, it
 * is refused, and remembered by its text and weights; otherwise the first worker was at fault. Until then neither is blamed.
 */
export class Trials {
  /** Undecided trials. */
  readonly open = new Map<KernelHandle, Trial>();
  readonly #arena: Arena;
  readonly #refused = new Map<string, MayflyError>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Why a program was refused; null if it was not. */
  refusalOf(source: ProgramSource): MayflyError | null {
    return this.#refused.size === 0 ? null : (this.#refused.get(this.#digest(source)) ?? null);
  }

  /** Forgets which programs were refused. */
  clear(): void {
    this.#refused.clear();
  }

  /** The device of `worker` failed a program that never worked. Returns true if the program is refused from now on. */
  failed(kernel: KernelHandle, source: ProgramSource, work: Work, worker: Worker, error: MayflyError): boolean {
    let trial = this.open.get(kernel);
    if (trial?.work !== work) {
      trial = { work, failures: new Map() };
      this.open.set(kernel, trial);
    }
    const before = [...trial.failures].filter(([other]) => other !== worker);
    trial.failures.set(worker, error);
    const refused = before.some(([, other]) => isSameRefusal(error, other));
    if (refused) this.#refuse(kernel, source, error);
    return refused;
  }

  /** The program works after all. Returns the workers on which it had failed. */
  worked(kernel: KernelHandle, work: Work): Worker[] {
    const trial = this.open.get(kernel);
    if (trial?.work !== work) return [];
    this.open.delete(kernel);
    return [...trial.failures.keys()];
  }

  /** Whether the program failed on that worker in an undecided trial. */
  suspects(kernel: KernelHandle, worker: Worker): boolean {
    return this.open.get(kernel)?.failures.has(worker) ?? false;
  }

  /** Ends the trial of a kernel that is given up: no worker is blamed. */
  end(kernel: KernelHandle): void {
    this.open.delete(kernel);
  }

  #refuse(kernel: KernelHandle, source: ProgramSource, error: MayflyError): void {
    this.open.delete(kernel);
    this.#refused.set(this.#digest(source), error);
    if (this.#refused.size > MOST) this.#refused.delete(this.#refused.keys().next().value!);
  }

  #digest({ text, weights, options }: ProgramSource): string {
    const hash = createHash('sha256')
      .update(`${JSON.stringify(options)} ${text.length} `)
      .update(text);
    for (const { path, offset, bytes } of weights) {
      hash.update(`${path.length} ${bytes} `).update(path);
      for (let at = offset; at < offset + bytes; ) {
        const end = Math.min(offset + bytes, (Math.floor(at / CHUNK) + 1) * CHUNK);
        hash.update(this.#arena.native.view(at, end - at));
        at = end;
      }
    }
    return hash.digest('base64');
  }
}
