import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { Placement } from './placement.js';
import { runForJson } from './run-script.js';

const source = (name: string): string => new URL(`../floor/${name}.c`, import.meta.url).pathname;
const folder = new URL('../build/', import.meta.url).pathname;
const built = new Set<string>();

/** Compiles one of the C programs under `floor/`, once a run. */
function build(name: string): string {
  const program = `${folder}${name}`;
  if (!built.has(name)) {
    mkdirSync(folder, { recursive: true });
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', program, source(name)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    built.add(name);
  }
  return program;
}

export type FloorMode = 'socket' | 'pipe' | 'event' | 'spin';

export interface FloorSample extends Record<string, number> {
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
}

/** A round trip in C, in microseconds. `gapMs` of sleep before each. */
export function pingFloor(
  mode: FloorMode,
  placement: Placement,
  { warmup, count, gapMs = 0 }: { warmup: number; count: number; gapMs?: number },
): Promise<FloorSample> {
  const args = [mode, '--warmup', warmup, '--count', count, '--gap', gapMs * 1000].map(String);
  return runForJson<FloorSample>(build('ping'), placement === 'pinned' ? [...args, '--pin'] : args);
}

/** posix_spawn of a program that ends at once, from a process with so much private memory. */
export const spawnFloor = (residentMiB: number, count: number): Promise<FloorSample> =>
  runForJson<FloorSample>(build('spawn'), [String(residentMiB), String(count)]);
