import { readdirSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { median } from '../median.js';

const session = new Session();
session.connect();

/**
 * Collects all garbage, and gives back what V8 keeps of it for what may come: `gc()` leaves the young generation at the size
 * it has grown to, 1 to 32 MB after how much garbage there was just then.
 */
export async function collectGarbage(): Promise<void> {
  await session.post('HeapProfiler.collectGarbage');
}

interface Resources {
  /** After a collection: garbage that nobody has collected yet is no leak. */
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** Open file descriptors of this process. */
export const openDescriptors = (): number => readdirSync('/dev/fd').length;

/** Memory and descriptors of this process at several times of two phases. */
export class ResourceLog {
  readonly #samples = { start: [] as Resources[], end: [] as Resources[] };

  async sample(phase: 'start' | 'end'): Promise<void> {
    this.#samples[phase].push(await resources());
  }

  typical(phase: 'start' | 'end'): Resources {
    const samples = this.#samples[phase];
    return {
      residentBytes: median(samples.map(({ residentBytes }) => residentBytes)),
      // A retirement in progress holds more for a moment.
      descriptors: Math.min(...samples.map(({ descriptors }) => descriptors)),
    };
  }
}

export async function resources(): Promise<Resources> {
  await collectGarbage();
  return { residentBytes: process.memoryUsage.rss(), descriptors: openDescriptors() };
}
