import { defineConfig } from 'vitepress';
import { repositoryLinks } from './links.js';
import { inlinePictures } from './pictures.js';
import { sidebar } from './sidebar.js';
import { slug } from './slug.js';

export default defineConfig({
  title: 'Mayfly',
  description: 'Trains transformers on the Apple Neural Engine from Node, in worker processes that retire on schedule',
  cleanUrls: true,
  head: [['link', { rel: 'icon', href: '/icon.svg', type: 'image/svg+xml' }]],
  ignoreDeadLinks: false,
  markdown: {
    anchor: { slugify: slug },
    config: (markdown) => {
      repositoryLinks(markdown);
      inlinePictures(markdown);
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/start/linux' },
      { text: 'Guides', link: '/guides/train-from-scratch' },
      { text: 'Reference', link: '/reference/commands' },
      { text: 'Log', link: '/log' },
    ],
    sidebar,
  },
});
