import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { median } from '../median.js';

// Garbage that nobody has collected yet is no leak.
setFlagsFromString('--expose-gc');
export const collectGarbage = runInNewContext('gc') as () => void;

interface Resources {
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** Open file descriptors of this process. */
export const openDescriptors = (): number => readdirSync('/dev/fd').length;

/** Memory and descriptors of this process at several times of two phases. */
export class ResourceLog {
  readonly #samples = { start: [] as Resources[], end: [] as Resources[] };

  sample(phase: 'start' | 'end'): void {
    collectGarbage();
    this.#samples[phase].push({ residentBytes: process.memoryUsage.rss(), descriptors: openDescriptors() });
  }

  typical(phase: 'start' | 'end'): Resources {
    const samples = this.#samples[phase];
    return {
      residentBytes: median(samples.map(({ residentBytes }) => residentBytes)),
      // A retirement in progress holds more for a moment.
      descriptors: Math.min(...samples.map(({ descriptors }) => descriptors)),
    };
  }

  now(): string {
    return `${(process.memoryUsage.rss() / 1e6).toFixed(1)} MB, ${openDescriptors()} descriptors`;
  }
}
