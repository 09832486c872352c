import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { addon } from '@mayfly/native';

/** Where main process and worker run: where the scheduler puts them, or on CPU 0 and CPU 1. */
export type Placement = 'scheduler' | 'pinned';

/** Pinning needs Linux, two processors and `taskset`. */
export const placements: readonly Placement[] = canPin() ? ['scheduler', 'pinned'] : ['scheduler'];

function canPin(): boolean {
  if (!existsSync('/sys/devices/system/cpu/cpu1')) return false;
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Threads of this process and its children, as far as they run something. */
export const runners = (): Set<number> => new Set([...threads(process.pid), ...children()]);

/** Puts this thread on CPU 0 and everything that was started since `before` on CPU 1. */
export function pinApart(before: ReadonlySet<number>): void {
  const kin = new Set(children());
  for (const id of runners()) {
    if (before.has(id)) continue;
    const tasks = kin.has(id) ? threads(id) : [id];
    for (const task of tasks) pin(task, 1);
  }
  pin(process.pid, 0);
}

/** Puts this thread, and those that it starts from now on, on one CPU. */
export const stayOn = (cpu: number): void => pin(process.pid, cpu);

/** Puts this thread on CPU 0, and the workers of all pools on CPU 1 from their start: retirements bring new ones. */
export function startWorkersApart(): void {
  const { spawn } = addon;
  addon.spawn = ({ file, args, ...rest }) =>
    spawn({ ...rest, file: '/usr/bin/env', args: ['taskset', '-c', '1', file, ...args] });
  stayOn(0);
}

function pin(task: number, cpu: number): void {
  try {
    execFileSync('taskset', ['-cp', String(cpu), String(task)], { stdio: 'ignore' });
  } catch {
    // A helper thread may have ended meanwhile.
    if (existsSync(`/proc/${task}`)) throw new Error(`Expected to pin task ${task} to CPU ${cpu}`);
  }
}

const threads = (pid: number): number[] => readdirSync(`/proc/${pid}/task`).map(Number);

const children = (): number[] =>
  threads(process.pid).flatMap((thread) => {
    const file = `/proc/${process.pid}/task/${thread}/children`;
    return existsSync(file) ? readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number) : [];
  });
