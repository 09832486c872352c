import { existsSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MarkdownRenderer } from 'vitepress';

const docs = fileURLToPath(new URL('..', import.meta.url));
const root = join(docs, '..');
/** Files of the repository's root that have a page. */
const rootPages = new Map([
  ['CONTRIBUTING.md', '/contributing'],
  ['CHANGELOG.md', '/changelog'],
]);

/**
 * Links are written as they work in the repository. The site's page for a file of the repository's root includes that file, whose links
 * start there; and a link to a file that has no page becomes its text.
 */
export function repositoryLinks(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('repository-links', ({ tokens, env }) => {
    for (const inline of tokens.filter(({ type }) => type === 'inline')) {
      let isText = false;
      inline.children = inline.children!.filter((token) => {
        if (token.type === 'link_close') return !isText;
        if (token.type !== 'link_open') return true;
        const target = siteTarget((env as { path: string }).path, token.attrGet('href')!);
        isText = target === null;
        if (target !== null) token.attrSet('href', target);
        return !isText;
      });
    }
  });
}

/** The target on the site; null where the site has no page for it. A dead link stays as it is, and the build reports it. */
function siteTarget(page: string, href: string): string | null {
  if (/^([a-z]+:|#|\/)/.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const file = [dirname(page), root].map((folder) => join(folder, decodeURI(path))).find((each) => existsSync(each));
  if (file === undefined) return href;
  const target = file.startsWith(docs)
    ? `/${relative(docs, file).split(sep).join('/')}`
    : rootPages.get(relative(root, file));
  return target === undefined ? null : anchor === undefined ? target : `${target}#${anchor}`;
}
