import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Process ids of this process's children that have not been reaped. Whether a worker's own id is still there says nothing after
 * thousands of them: the system gives ids again.
 */
export function childProcesses(): number[] {
  return (process.platform === 'linux' ? fromProc() : fromPs())
    .filter(([, parent]) => parent === process.pid)
    .map(([pid]) => pid);
}

type Pair = readonly [pid: number, parent: number];

function fromProc(): Pair[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)]);
}

function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // It ended meanwhile.
    return 0;
  }
}

function fromPs(): Pair[] {
  const { stdout, pid: itself } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ +/).map(Number) as [number, number])
    .filter(([pid]) => pid !== itself);
}
