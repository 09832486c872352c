import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A limit that the system sets for this process. */
export interface SystemLimit {
  readonly name: string;
  readonly value: string;
}

/** Limits of memory, processes and files: from cgroups and rlimits on Linux, from `ulimit` on macOS. */
export function systemLimits(): readonly SystemLimit[] {
  return process.platform === 'linux' ? [...cgroupLimits(), ...processLimits()] : shellLimits();
}

function cgroupLimits(): readonly SystemLimit[] {
  const version1 = '/sys/fs/cgroup/memory/memory.limit_in_bytes';
  const group = read('/proc/self/cgroup')?.match(/^0::(.*)$/m)?.[1] ?? '';
  const candidates = [`/sys/fs/cgroup${group}/memory.max`, '/sys/fs/cgroup/memory.max', version1];
  const value = candidates
    .map(read)
    .find((text) => text !== null)
    ?.trim();
  const unlimited = value === undefined || value === 'max' || Number(value) > 2 ** 60;
  return [{ name: 'memory of the cgroup', value: unlimited ? 'unlimited' : `${value} bytes` }];
}

const interesting = ['Max address space', 'Max locked memory', 'Max processes', 'Max open files', 'Max file size'];

function processLimits(): readonly SystemLimit[] {
  const lines = read('/proc/self/limits')?.split('\n') ?? [];
  return interesting.flatMap((name) => {
    const columns = lines
      .find((line) => line.startsWith(name))
      ?.slice(name.length)
      .trim()
      .split(/\s+/);
    if (columns === undefined) return [];
    const [soft = '', , unit = ''] = columns;
    return [{ name: name.replace('Max ', ''), value: soft === 'unlimited' ? soft : `${soft} ${unit}`.trim() }];
  });
}

function shellLimits(): readonly SystemLimit[] {
  try {
    const told = execFileSync('/bin/sh', ['-c', 'ulimit -a'], { encoding: 'utf8' });
    return told
      .trim()
      .split('\n')
      .map((line) => {
        const [, name = line, value = ''] = /^(.*?\([^)]*\))\s+(.*)$/.exec(line) ?? [];
        return { name: name.trim(), value: value.trim() };
      });
  } catch {
    return [];
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
