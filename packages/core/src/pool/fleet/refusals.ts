import { createHash } from 'node:crypto';
import type { MayflyError } from '@mayfly/native';
import type { Arena } from '../../memory/arena.js';
import type { ProgramSource } from '../worker/worker-setup.js';

/** Programs remembered; beyond that the oldest are tried again. */
const MOST = 256;
/** Views of the arena must not cross a window of 4 GiB: these, at multiples of their size, do not. */
const CHUNK = 2 ** 26;

/** Programs, text and weights, that the device refused on more than one worker: they are not tried again. */
export class Refusals {
  readonly #arena: Arena;
  readonly #errors = new Map<string, MayflyError>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Why the program was refused; null where it was not. */
  of(source: ProgramSource): MayflyError | null {
    return this.#errors.size === 0 ? null : (this.#errors.get(this.#digest(source)) ?? null);
  }

  add(source: ProgramSource, error: MayflyError): void {
    this.#errors.set(this.#digest(source), error);
    if (this.#errors.size > MOST) this.#errors.delete(this.#errors.keys().next().value!);
  }

  clear(): void {
    this.#errors.clear();
  }

  #digest({ text, weights }: ProgramSource): string {
    const hash = createHash('sha256').update(`${text.length} `).update(text);
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
