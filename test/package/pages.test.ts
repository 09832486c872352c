import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repository } from '../../tools/pack/fetch.mjs';
import { runPage } from '../fixtures/docs-page.js';
import { Project } from './project.js';
import { Registry, tarballs } from './registry.js';

/** The pages that begin with an installation, followed word by word in an empty folder. */
describe.runIf(tarballs.has(`native-${process.platform}-${process.arch}`))('a new reader', () => {
  const registry = new Registry();
  beforeAll(() => registry.listen());
  afterAll(() => registry.close());

  test.each(['README.md', 'docs/start/linux.md', 'docs/pool/first-program.md'])('follows %s', async (page) => {
    const own = new Project(registry.url);
    const env = { npm_config_userconfig: join(own.folder, '.npmrc'), XDG_CACHE_HOME: join(own.folder, 'cache') };
    const { faults } = await runPage(join(repository, page), {
      folder: join(own.folder, 'empty'),
      env,
      installed: false,
    });
    expect(faults).toEqual([]);
    own.remove();
  });
});
