import { compileC } from './compile-c.js';
import type { Placement } from './placement.js';
import { runForJson } from './run-script.js';

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
  return runForJson<FloorSample>(compileC('floor/ping'), placement === 'pinned' ? [...args, '--pin'] : args);
}

/** posix_spawn of a program that ends at once, from a process with so much private memory; pinned, both on CPU 0. */
export function spawnFloor(residentMiB: number, count: number, placement: Placement): Promise<FloorSample> {
  const command = [compileC('floor/spawn'), String(residentMiB), String(count)];
  const [file, ...args] = placement === 'pinned' ? ['taskset', '-c', '0', ...command] : command;
  return runForJson<FloorSample>(file!, args);
}
