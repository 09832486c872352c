import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const page = readFileSync(new URL('../../../docs/topics/runs.md', import.meta.url), 'utf8');
const core = new URL('../../../packages/core/dist/index.js', import.meta.url);
const logFile = join(folder, 'runs/book/log.jsonl');

/** The program that the page shows, small, in JavaScript. */
function writeProgram(): string {
  const source = /```ts\n([^`]+)```/
    .exec(page)![1]!
    .replace("'@mayfly/core'", `'${pathToFileURL(core.pathname).href}'`)
    .replace('out:', 'batch: 1, seq: 16, pool: { standby: 0 }, steps: 100000, out:');
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
  const path = join(folder, 'program.mjs');
  writeFileSync(path, ts.transpileModule(source, { compilerOptions: options }).outputText);
  return path;
}

const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
const startsIn = () => log().split('"event":"start"').length - 1;

test('the program of docs/topics/runs.md saves on a signal, and continues at its next start', async () => {
  writeFileSync(join(folder, 'book.txt'), 'All happy families are alike. '.repeat(200));
  const program = writeProgram();
  for (const start of [1, 2]) {
    const child = spawn(process.execPath, [program], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const closed = once(child, 'close');
    const hasStep = () => startsIn() === start && log().split('"event":"start"').at(-1)!.includes('"event":"step"');
    await expect.poll(hasStep).toBe(true);
    child.kill('SIGTERM');
    expect(await closed).toEqual([0, null]);
    expect(output).toMatch(/^aborted .*mayfly(\.js)? train --resume .*\/runs\/book/);
  }
  const starts = log()
    .split('\n')
    .filter((line) => line.startsWith('{"event":"start"'));
  const [first, second] = starts.map((line) => JSON.parse(line));
  expect(second.run).toBe(first.run);
  expect(second.first_step).toBeGreaterThan(1);
});
