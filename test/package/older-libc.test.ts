import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unpackDebian } from './debian.js';
import { foreignNode } from './foreign-node.js';
import { esModule } from './programs.js';
import { Project } from './project.js';
import { Registry, tarballs } from './registry.js';
import { nodes } from './tools.js';

const here = process.platform === 'linux' && process.arch === 'x64';
/** Debian 11: glibc 2.31 and the C++ library of GCC 10. */
const root =
  here && tarballs.has('native-linux-x64')
    ? unpackDebian('bullseye', 'amd64', ['libc6', 'libstdc++6', 'libgcc-s1'])
    : undefined;
// The Node of this system was made for it; npm's are made for glibc 2.28.
const other = nodes.get('22');
const missing = [
  ...(tarballs.has('native-linux-x64') ? [] : ['the tarball of native-linux-x64']),
  ...(root === undefined ? ['libc6 of Debian 11 by apt-get'] : []),
  ...(other === undefined ? ['Node 22 from npm'] : []),
];
if (here && missing.length > 0)
  console.log(`skipping the package with the C library of Debian 11: needs ${missing.join(', ')}`);

describe.runIf(here && missing.length === 0)('Linux on x64 with glibc 2.31', () => {
  const registry = new Registry();
  let project: Project;
  let node: string;
  beforeAll(async () => {
    await registry.listen();
    const libraries = ['lib', 'usr/lib'].map((part) => join(root as string, part, 'x86_64-linux-gnu')).join(':');
    const loader = join(root as string, 'lib', 'x86_64-linux-gnu', 'ld-2.31.so');
    const command = [loader, '--library-path', libraries, other as string];
    project = new Project(registry.url, { ...foreignNode(command), 'main.mjs': esModule });
    node = join(project.folder, 'node');
    chmodSync(node, 0o755);
    expect(await project.run(['npm', 'install', '@mayfly/core'])).toMatchObject({ code: 0 });
  });
  afterAll(() => {
    registry.close();
    project.remove();
  });

  test('it is that library', async () => {
    const { output } = await project.run(['node', '-p', 'process.report.getReport().header.glibcVersionRuntime'], {
      node,
    });
    expect(output).toBe('2.31\n');
  });

  test('a pool runs a program, and a training ends', async () => {
    const { code, output } = await project.run(['node', 'main.mjs'], { node });
    expect(output).toMatch(/works\n$/);
    expect(code).toBe(0);
  });

  test('mayfly doctor', async () => {
    const { code, output } = await project.run(['mayfly', 'doctor', '--device', 'cpu'], { node });
    expect(output).toMatch(/^device cpu +right/m);
    expect(code).toBe(0);
  });
});
