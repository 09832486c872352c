import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { basename } from 'node:path';

const folder = new URL('../build/', import.meta.url).pathname;
const built = new Set<string>();

/** Compiles a C program of this package, `floor/ping` for instance, once a run, and gives its path. Throws where `cc` does. */
export function compileC(name: string, flags: readonly string[] = []): string {
  const program = `${folder}${basename(name)}`;
  if (!built.has(name)) {
    mkdirSync(folder, { recursive: true });
    const source = new URL(`../${name}.c`, import.meta.url).pathname;
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', program, source, ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    built.add(name);
  }
  return program;
}
