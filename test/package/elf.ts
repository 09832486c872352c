import { execFileSync } from 'node:child_process';

export interface Import {
  readonly name: string;
  /** That of its library, which it must have. */
  readonly version: string | undefined;
  readonly weak: boolean;
}

/** Functions and data that an addon takes from the process. */
export function importsOf(file: string): readonly Import[] {
  const symbols = execFileSync('readelf', ['--wide', '--dyn-syms', file], { encoding: 'utf8', maxBuffer: 1 << 28 });
  return [...symbols.matchAll(/(GLOBAL|WEAK)\s+\w+\s+UND (\w+)(?:@([\w.]+))?/g)].map(
    ([, binding, name = '', version]) => ({ name, version, weak: binding === 'WEAK' }),
  );
}

/** Of an import: it comes from Node itself. */
export const NODES_OWN = /^(napi|uv|node_api)_/;
