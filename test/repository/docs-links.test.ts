import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { sidebar } from '../../docs/.vitepress/sidebar.js';
import { slug } from '../../docs/.vitepress/slug.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const pages = files.filter((file) => file.endsWith('.md'));

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const withoutCode = (text: string): string => text.replaceAll(/^ *```.*?^ *```/gms, '').replaceAll(/`[^`\n]*`/g, '');
/** `npm run docs` writes these pages, and looks for dead links to them. */
const isGenerated = (path: string): boolean => path.startsWith('docs/reference/api/');

const anchorsOf = new Map<string, ReadonlySet<string>>();

/** The anchors of a page's headings: a repeated one ends in `-1`, `-2`, … */
function anchors(page: string): ReadonlySet<string> {
  const known = anchorsOf.get(page);
  if (known !== undefined) return known;
  const seen = new Map<string, number>();
  const made = new Set<string>();
  for (const [, heading] of read(page)
    .replaceAll(/^ *```.*?^ *```/gms, '')
    .matchAll(/^#+ (.+)$/gm)) {
    const anchor = slug(heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    made.add(times === 0 ? anchor : `${anchor}-${times}`);
  }
  anchorsOf.set(page, made);
  return made;
}

function isDead(page: string, link: string): boolean {
  if (/^([a-z]+:|\/)/.test(link)) return false;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), decodeURI(path));
  if (isGenerated(target)) return false;
  if (!existsSync(join(root, target))) return true;
  if (anchor === undefined) return false;
  return !statSync(join(root, target)).isFile() || !anchors(target).has(anchor);
}

test('every link in the documents leads to a file and a heading of it', () => {
  const dead = pages.flatMap((page) =>
    Array.from(withoutCode(read(page)).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g), ([, link]) => link!)
      .filter((link) => isDead(page, link))
      .map((link) => `${page}: ${link}`),
  );
  expect(dead).toEqual([]);
});

test('sources and documents name pages of docs/ that there are', () => {
  const dead = files
    .filter((file) => /\.(ts|mjs|cc|h|mm|c|md|json|yml)$/.test(file) && file !== 'docs/log.md')
    .flatMap((file) =>
      Array.from(read(file).matchAll(/(?<![\w/.-])docs\/[\w./-]+\.md\b/g), ([page]) => page)
        .filter((page) => !isGenerated(page) && !existsSync(join(root, page)))
        .map((page) => `${file}: ${page}`),
    );
  expect(dead).toEqual([]);
});

test('the sidebar of the site has every page, and no other', () => {
  const linked = sidebar.flatMap(({ items }) => items.map(({ link }) => `docs${link.replace(/\/$/, '/index')}.md`));
  const written = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/index.md');
  expect(linked.filter((page) => !isGenerated(page)).toSorted()).toEqual(written.toSorted());
});
