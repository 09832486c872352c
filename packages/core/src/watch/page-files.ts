import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the page. */
export interface PageFile {
  readonly path: string;
  /** Media type. */
  readonly type: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The page's files by their addresses; built from `packages/page` into this package's `dist/page`. */
export function pageFiles(folder = fileURLToPath(new URL('./page/', import.meta.url))): ReadonlyMap<string, PageFile> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const type = types[extname(name)];
    return type === undefined ? [] : [[`/${name}`, { path: join(folder, name), type }] as const];
  });
  const byAddress = new Map(files);
  const index = byAddress.get('/index.html');
  if (index !== undefined) byAddress.set('/', index);
  return byAddress;
}
