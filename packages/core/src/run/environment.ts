import { arch, cpus, hostname, platform, release, totalmem } from 'node:os';
import manifest from '../../package.json' with { type: 'json' };

export const versions = { mayfly: manifest.version, node: process.versions.node } as const;

/** The machine that a run is executed on. */
export function machine() {
  const processors = cpus();
  return {
    host: hostname(),
    system: `${platform()} ${release()}`,
    architecture: arch(),
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
  };
}
