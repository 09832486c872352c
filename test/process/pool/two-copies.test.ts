import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { scaleProgram } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Copies the built packages into a folder, beside links to what they depend on. Returns the URL of core's entry. */
function copyOfCore(): string {
  const folder = join(temporaryFolder(), 'node_modules');
  for (const name of ['core', 'native', 'worker']) {
    for (const part of ['package.json', 'dist', ...(name === 'native' ? ['chips', 'build/Release/mayfly.node'] : [])]) {
      const copy = join(folder, '@mayfly', name, part);
      mkdirSync(join(copy, '..'), { recursive: true });
      cpSync(join(root, 'packages', name, part), copy, { recursive: true });
    }
  }
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@mayfly' && !name.startsWith('.')) {
      symlinkSync(join(root, 'node_modules', name), join(folder, name));
    }
  }
  return pathToFileURL(join(folder, '@mayfly/core/dist/index.js')).href;
}

const script = (copy: string) => `
  import * as first from '@mayfly/core';
  import * as second from ${JSON.stringify(copy)};
  const cores = [first, second];
  const pools = await Promise.all(cores.map(({ createPool }) => createPool({ device: 'cpu', standby: 0 })));
  const results = await Promise.all(pools.map(async (pool, index) => {
    const kernel = await pool.compile({ text: index === 0 ? ${JSON.stringify(scaleProgram(8, 3))} : ${JSON.stringify(scaleProgram(8, 5))} });
    const [x, y] = [pool.arena.tensor('fp32', [1, 8]), pool.arena.tensor('fp32', [1, 8])];
    x.array().fill(2);
    for (let run = 0; run < 100; run++) await kernel.run(x, y);
    await pool.recycle();
    await kernel.run(x, y);
    return y.array()[0];
  }));
  const errors = await Promise.all(pools.map((pool) => pool.compile({ text: 'nonsense' }).catch((error) => error)));
  await Promise.all(pools.map((pool) => pool.close()));
  console.log(JSON.stringify({
    results,
    codes: errors.map(({ code }) => code),
    ownClass: errors.map((error, index) => cores.map(({ MayflyError }) => error instanceof MayflyError)),
    recognized: errors.map((error) => cores.map(({ isMayflyError }) => isMayflyError(error))),
  }));`;

test('two copies of the library in one process: each runs its pool, and knows the errors of the other', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script(copyOfCore())], {
    cwd: join(root, 'test'),
  });
  expect(JSON.parse(stdout)).toEqual({
    results: [6, 10],
    codes: ['ERR_MIL_SYNTAX', 'ERR_MIL_SYNTAX'],
    ownClass: [
      [true, false],
      [false, true],
    ],
    recognized: [
      [true, true],
      [true, true],
    ],
  });
});
