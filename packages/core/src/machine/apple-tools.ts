import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** macOS's own commands that Mayfly runs, none of which needs root, and the folders that macOS has them in. */
const folders = {
  caffeinate: '/usr/bin',
  notifyutil: '/usr/bin',
  pmset: '/usr/bin',
  sw_vers: '/usr/bin',
  sysctl: '/usr/sbin',
} as const;

export type AppleTool = keyof typeof folders;

const DEADLINE_MS = 5000;

/**
 * The path of a command of macOS; null on other systems. The variable `MAYFLY_APPLE_TOOLS` names a folder of stand-ins, which are run on
 * every system.
 */
export function appleTool(name: AppleTool): string | null {
  const { MAYFLY_APPLE_TOOLS: standIns } = process.env;
  if (standIns) return join(standIns, name);
  return process.platform === 'darwin' ? join(folders[name], name) : null;
}

/** The output of a command of macOS; empty where it fails, does not answer, or does not exist. */
export async function askAppleTool(name: AppleTool, args: readonly string[]): Promise<string> {
  const path = appleTool(name);
  if (path === null) return '';
  const asked = promisify(execFile)(path, args, { timeout: DEADLINE_MS, env: { ...process.env, LC_ALL: 'C' } });
  return asked.then(
    ({ stdout }) => stdout,
    () => '',
  );
}
