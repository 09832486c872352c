import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { launcher } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const pages = fileURLToPath(new URL('../../../docs/guides/', import.meta.url));
const folder = temporaryFolder();
const bin = join(folder, 'bin');
mkdirSync(bin);
symlinkSync(join(dirname(launcher), 'mayfly'), join(bin, 'mayfly'));

/** The shell commands of a page, as a reader copies them. */
const commandsIn = (page: string): string =>
  Array.from(readFileSync(join(pages, page), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms), ([, block]) => block).join('');

function run(script: string, cwd: string): Promise<{ code: number | null; output: string }> {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const child = spawn('sh', ['-eu', '-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

test.each(readdirSync(pages))('the commands of docs/guides/%s work as printed', async (page) => {
  const commands = commandsIn(page);
  expect(commands.match(/^mayfly /gm)?.length).toBeGreaterThan(1);
  const cwd = join(folder, page);
  mkdirSync(cwd);
  const { code, output } = await run(commands, cwd);
  expect(output).not.toMatch(/mayfly: (?!warning)/);
  expect(code).toBe(0);
  // Where a page measures a model twice, the second one is better, or the same.
  const losses = Array.from(output.matchAll(/^cross-entropy ([\d.]+)/gm), ([, loss]) => Number(loss));
  expect(losses.toSorted((a, b) => b - a)).toEqual(losses);
});
