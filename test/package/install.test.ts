import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commonJs, esModule, typed, typedCommonJs, watcher } from './programs.js';
import { Project } from './project.js';
import { Registry, tarballs } from './registry.js';
import { bun, deno, addonHere as here, nodes, pnpm } from './tools.js';

const require = createRequire(import.meta.url);
if (!tarballs.has(here))
  console.log(`skipping the tests of packages: there is no tarball of ${here}, which npm run pack makes`);
const works = { code: 0, output: expect.stringMatching(/works\n$/) };

describe.runIf(tarballs.has(here))('installed from a registry, without scripts', () => {
  const registry = new Registry();
  const projects: Project[] = [];
  const project = (files: Readonly<Record<string, string>> = {}): Project => {
    const made = new Project(registry.url, { 'main.mjs': esModule, 'main.cjs': commonJs, ...files });
    projects.push(made);
    return made;
  };
  let app: Project;
  beforeAll(async () => {
    await registry.listen();
    app = project();
    expect(await app.run(['npm', 'install', '@mayfly/core'])).toMatchObject({ code: 0 });
  });
  afterAll(() => {
    registry.close();
    for (const made of projects) made.remove();
  });

  test('npm takes the addon of this machine and no tool to build one', () => {
    const scope = readdirSync(join(app.folder, 'node_modules', '@mayfly')).sort();
    expect(scope).toEqual(['core', 'native', here, 'worker'].sort());
    for (const name of ['node-gyp', 'node-addon-api', 'typescript'])
      expect(existsSync(join(app.folder, 'node_modules', name)), name).toBe(false);
  });

  for (const [version, node] of nodes) {
    describe.runIf(node !== undefined)(
      `Node ${version}${node === undefined ? ', which npm does not give' : ''}`,
      () => {
        test.each(['main.mjs', 'main.cjs'])('runs a pool and trains, %s', async (file) => {
          expect(await app.run(['node', file], { node })).toEqual(works);
        });
        test('npx mayfly doctor', async () => {
          const { code, output } = await app.run(['npx', 'mayfly', 'doctor', '--device', 'cpu'], { node });
          expect(output).toMatch(new RegExp(`^node +${version}\\.`, 'm'));
          expect(code).toBe(0);
        });
      },
    );
  }

  test('mayfly watch shows a run in its page', async () => {
    const own = project({ 'watch.mjs': watcher });
    expect(await own.run(['npm', 'install', '@mayfly/core'])).toMatchObject({ code: 0 });
    const options = ['--model', 'tiny', '--data', 'book.txt', '--steps', '2', '--seq', '32', '--batch', '1'];
    const trained = await own.run(['mayfly', 'train', ...options, '--device', 'cpu', '--out', 'runs/book']);
    expect(trained.code, trained.output).toBe(0);
    expect(await own.run(['node', 'watch.mjs'])).toEqual(works);
  });

  test('npx @mayfly/core, without a project', async () => {
    const own = project();
    // npx keeps installed packages by their name: in this machine's cache there may be older ones of the same version.
    const env = { npm_config_cache: join(own.folder, 'npm') };
    const { code, output } = await own.run(['npx', '--yes', '@mayfly/core', '--version'], { env });
    expect(output).toMatch(/^\d+\.\d+\.\d+/m);
    expect(code).toBe(0);
  });

  test.runIf(pnpm !== undefined)(
    `pnpm installs it${pnpm === undefined ? ', which npm does not give' : ''}`,
    async () => {
      const own = project();
      const { code, output } = await own.run(['node', pnpm as string, 'add', '@mayfly/core']);
      expect(output).not.toContain('Ignored build scripts');
      expect(code, output).toBe(0);
      expect(await own.run(['node', 'main.mjs'])).toEqual(works);
      expect(await own.run(['node', 'main.cjs'])).toEqual(works);
    },
  );

  test('TypeScript checks a program, strictly, as nodenext and bundler resolve', async () => {
    const own = project({ 'program.mts': typed, 'program.cts': typedCommonJs });
    const { version } = require('@types/node/package.json') as { readonly version: string };
    await own.run(['npm', 'install', '@mayfly/core', '@mayfly/native', `@types/node@${version}`]);
    const tsc = require.resolve('typescript/bin/tsc');
    const strict = [
      '--strict',
      '--exactOptionalPropertyTypes',
      '--target',
      'es2022',
      '--types',
      'node',
      '--outDir',
      'out',
    ];
    const lib = ['--lib', 'es2023,esnext.disposable'];
    const nodenext = ['--module', 'nodenext', 'program.mts', 'program.cts'];
    expect(await own.run(['node', tsc, ...strict, ...lib, ...nodenext])).toEqual({ code: 0, output: '' });
    expect(await own.run(['node', 'out/program.mjs'])).toEqual(works);
    expect(await own.run(['node', 'out/program.cjs'])).toEqual(works);
    const bundler = ['--module', 'esnext', '--moduleResolution', 'bundler', '--noEmit', 'program.mts'];
    expect(await own.run(['node', tsc, ...strict, ...lib, ...bundler])).toEqual({ code: 0, output: '' });
  });

  const esbuild = join(
    dirname(require.resolve('esbuild/package.json', { paths: [require.resolve('tsup')] })),
    'bin',
    'esbuild',
  );
  const tsup = join(dirname(require.resolve('tsup/package.json')), 'dist', 'cli-default.js');
  const bundle = (format: string, ...more: string[]): string[] => [
    esbuild,
    'src.mjs',
    '--bundle',
    '--platform=node',
    `--format=${format}`,
    ...more,
  ];

  test.each(['esm', 'cjs'])(
    'a bundle of esbuild, %s, runs with the packages beside it, and says so where they are in it',
    async (format) => {
      const source = esModule.replace(
        'await main();\n',
        'main().catch((error) => { console.error(error); process.exit(1); });\n',
      );
      app.write({ 'src.mjs': source });
      const extension = format === 'esm' ? 'mjs' : 'cjs';
      const beside = bundle(format, '--external:@mayfly/*', `--outfile=beside.${extension}`);
      expect(await app.run(beside)).toMatchObject({ code: 0 });
      expect(await app.run(['node', `beside.${extension}`])).toEqual(works);
      expect(await app.run(bundle(format, `--outfile=inside.${extension}`, '--log-level=error'))).toMatchObject({
        code: 0,
      });
      const { code, output } = await app.run(['node', `inside.${extension}`]);
      expect(output).toContain('ERR_BUNDLED');
      expect(output).toContain('--external:@mayfly/*');
      expect(code).toBe(1);
    },
  );

  test('a bundle of tsup runs', async () => {
    app.write({ 'tsup.mjs': esModule });
    expect(await app.run(['node', tsup, 'tsup.mjs', '--format', 'esm', '--out-dir', 'tsup-out'])).toMatchObject({
      code: 0,
    });
    expect(
      await app.run([
        'node',
        `tsup-out/${existsSync(join(app.folder, 'tsup-out', 'tsup.mjs')) ? 'tsup.mjs' : 'tsup.js'}`,
      ]),
    ).toEqual(works);
  });

  test('an app of a turborepo trains, and what turbo prune leaves of it', async () => {
    const { version } = require('turbo/package.json') as { readonly version: string };
    const own = project({
      'package.json': JSON.stringify({
        ...{ name: 'repo', private: true, packageManager: 'npm@10.8.2', workspaces: ['apps/*'] },
        devDependencies: { turbo: version },
      }),
      'turbo.json': '{ "tasks": { "train": { "cache": false, "passThroughEnv": ["MAYFLY_*"] } } }',
      'apps/lab/package.json': JSON.stringify({
        ...{ name: 'lab', version: '1.0.0', private: true, scripts: { train: 'node main.mjs' } },
        dependencies: { '@mayfly/core': '*' },
      }),
      'apps/lab/main.mjs': esModule,
      'apps/lab/book.txt': 'It was the best of times. '.repeat(400),
    });
    const quiet = { env: { TURBO_TELEMETRY_DISABLED: '1' } };
    expect(await own.run(['npm', 'install'])).toMatchObject({ code: 0 });
    const trained = await own.run(['npx', 'turbo', 'run', 'train'], quiet);
    expect(trained.output).toContain('lab:train: works');
    expect(trained.code).toBe(0);
    expect(await own.run(['npx', 'turbo', 'prune', 'lab'], quiet)).toMatchObject({ code: 0 });
    own.write({ 'out/.npmrc': `@mayfly:registry=${registry.url}\nignore-scripts=true\n` });
    expect(await own.run(['npm', 'ci'], { within: 'out' })).toMatchObject({ code: 0 });
    expect(await own.run(['node', 'main.mjs'], { within: 'out/apps/lab' })).toEqual(works);
  });

  const script = join('node_modules', '@mayfly', 'native', 'build-addon.mjs');
  test('without the addon, the error names the one command that compiles it', async () => {
    const own = project();
    await own.run(['npm', 'install', '--omit=optional', '@mayfly/core']);
    const { code, output } = await own.run(['node', 'main.mjs']);
    expect(output).toContain('ERR_ADDON_LOAD');
    const named = output.match(/^ {2}node "(.*)"$/m)?.[1] as string;
    expect(named.endsWith(script) && existsSync(named), output).toBe(true);
    expect(code).toBe(1);
  });

  const compiled = process.env.MAYFLY_COMPILE_PACKAGE !== undefined;
  if (!compiled) console.log('skipping the compilation from a tarball: MAYFLY_COMPILE_PACKAGE=1 runs it, for minutes');
  test.runIf(compiled)('that command compiles it', { timeout: 3_600_000 }, async () => {
    const own = project();
    await own.run(['npm', 'install', '--omit=optional', '@mayfly/core']);
    const built = await own.run(['node', script]);
    expect(built.output).toMatch(/npm fetches node-gyp@[\s\S]*compiling \d+ files[\s\S]*built .*mayfly\.node\n$/);
    expect(built.code).toBe(0);
    expect(await own.run(['node', 'main.mjs'])).toEqual(works);
  });

  test.runIf(bun !== undefined)('Bun is refused', async () => {
    const { code, output } = await app.run([bun as string, 'main.mjs']);
    expect(output).toContain('not on Bun 1');
    expect(code).toBe(1);
  });

  test.runIf(deno !== undefined)('Deno is refused', async () => {
    const { code, output } = await app.run([deno as string, 'run', '--allow-all', 'main.mjs']);
    expect(output).toContain('not on Deno 2');
    expect(code).toBe(1);
  });
});
