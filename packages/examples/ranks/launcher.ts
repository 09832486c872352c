import { spawnSync } from 'node:child_process';

/** How ranks are started here. */
export interface Launcher {
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** `mpirun` with the options that processes of several threads need; null where it is not installed. `mayfly launch` does the same for `mayfly train`. */
export function launcher(): Launcher | null {
  const { stdout, error } = spawnSync('mpirun', ['--version'], { encoding: 'utf8' });
  if (error !== undefined) return null;
  // Open MPI would give each of two ranks one core, refuse more ranks than cores, and refuse root.
  const isOpenMpi = /Open MPI|OpenRTE/.test(stdout);
  const root = process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
  const command = ['mpirun', ...(isOpenMpi ? ['--bind-to', 'none', '--oversubscribe', ...root] : [])];
  // Its ranks have a terminal as stdout.
  return { command, env: { ...process.env, NO_COLOR: '1' } };
}
