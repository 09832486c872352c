import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { basename } from 'node:path';

const folder = new URL('../build/', import.meta.url).pathname;
const built = new Set<string>();

interface Compilation {
  readonly compiler?: string;
  /** Name of the program. Default: that of its source. */
  readonly as?: string;
}

/** Compiles a C program of this package, `floor/ping` for instance, once a run, and gives its path. Throws the compiler's first error. */
export function compileC(
  name: string,
  flags: readonly string[] = [],
  { compiler = 'cc', as = basename(name) }: Compilation = {},
): string {
  const program = `${folder}${as}`;
  if (!built.has(program)) {
    mkdirSync(folder, { recursive: true });
    const source = new URL(`../${name}.c`, import.meta.url).pathname;
    const args = ['-O2', '-Wall', '-Wextra', '-o', program, source, ...flags];
    const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(stderr.split('\n').find((line) => line.includes('error')) ?? stderr);
    built.add(program);
  }
  return program;
}
