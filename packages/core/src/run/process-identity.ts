import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Identifies a process, even after its id is reused. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** The system's notation of its start, which differs for every process with this id. Null if unknown. */
  readonly started: string | null;
}

export function thisProcess(): ProcessIdentity {
  return { host: hostname(), pid: process.pid, started: statusOf(process.pid)?.started ?? null };
}

/** Whether a process of this host still runs. A zombie does not. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const status = statusOf(pid);
  // If the start is unknown, only the id can be compared.
  if (status === null || started === null) return status?.ended !== true;
  return !status.ended && status.started === started;
}

interface ProcessStatus {
  readonly started: string;
  readonly ended: boolean;
}

function statusOf(pid: number): ProcessStatus | null {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
  } catch {
    return null;
  }
}

/** The start is the clock ticks since boot, with the id of that boot. */
function fromProc(pid: number): ProcessStatus {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the program's name, which may hold anything: the others follow its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return { started: `${fields[19]} ${boot}`, ended: /^[ZXx]/.test(fields[0]!) };
}

/** macOS has no `/proc`. */
function fromPs(pid: number): ProcessStatus | null {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8', env, stdio: 'pipe' });
  const [state, ...started] = line.trim().split(/\s+/);
  return state === undefined ? null : { started: started.join(' '), ended: state.startsWith('Z') };
}
