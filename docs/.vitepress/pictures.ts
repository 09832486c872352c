import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';

/** Puts the pictures of docs/images into their pages, so that their text can be selected, and follows the site's light or dark. */
export function inlinePictures(markdown: MarkdownRenderer): void {
  const image = markdown.renderer.rules.image!;
  markdown.renderer.rules.image = (tokens, index, options, env, self) => {
    const source = tokens[index]!.attrGet('src')!;
    if (!/(^|\/)images\/[\w-]+\.svg$/.test(source)) return image(tokens, index, options, env, self);
    const svg = readFileSync(join(dirname((env as { path: string }).path), source), 'utf8');
    // Vue's templates drop <style>; `v-html` keeps it.
    const literal = JSON.stringify(svg.replaceAll(/\s*\n\s*/g, ' '));
    return `<span class="picture" v-html="${markdown.utils.escapeHtml(literal)}"></span>`;
  };
}
