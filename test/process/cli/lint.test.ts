import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { publicForms } from '../../contract/cases/public-forms.cases.js';
import { lintExamples } from '../../fixtures/lint-examples.js';
import { clean } from '../../fixtures/lint-text.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const cli = new URL('../../../packages/core/bin/mayfly.js', import.meta.url).pathname;
const folder = temporaryFolder();

async function lint(text: string, ...options: string[]) {
  const file = join(folder, 'program.mil');
  writeFileSync(file, text);
  return run('lint', file, ...options);
}

function run(...options: string[]) {
  return promisify(execFile)(process.execPath, [cli, ...options], { encoding: 'utf8' }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

test('ends with 2 if there are errors, otherwise with 0', async () => {
  const wrong = await lint(lintExamples['port-width-16']!.text, '--chip', 'm4-max', '--json');
  expect(wrong.code).toBe(2);
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    chip: 'm4-max',
    errors: expect.any(Number),
    findings: expect.arrayContaining([expect.objectContaining({ rule: 'port-width-16', level: 'error', line: 4 })]),
  });
  const right = await lint(clean);
  expect(right).toMatchObject({ code: 0, stdout: expect.stringContaining('0 errors') });
});

test('with --weights, names records that do not describe their tensor, or cannot be read', async () => {
  const { text, weights } = publicForms.find(({ name }) => name === 'a record without an offset of its data')!;
  const data = Buffer.from(weights!, 'base64');
  mkdirSync(join(folder, 'weights'));
  const findings = async () => {
    const { stdout } = await lint(text, '--weights', folder, '--json');
    const all: { rule: string; level: string; message: string }[] = JSON.parse(stdout).findings;
    return all.filter(({ rule }) => rule === 'weight-record').map(({ level, message }) => [level, message]);
  };
  expect(await findings()).toEqual([['error', expect.stringContaining('no file of that name')]]);
  writeFileSync(join(folder, 'weights/weight.bin'), data);
  expect(await findings()).toEqual([['warning', expect.stringContaining('states data at 0')]]);
  writeFileSync(join(folder, 'weights/weight.bin'), data.subarray(0, 200));
  expect(await findings()).toEqual([['error', expect.stringContaining('128 bytes of data behind the record')]]);
});

test('gives the position of a syntax error, and lists the chips', async () => {
  expect(await lint('program(1.3) {')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^mayfly: Expected .*line 1/),
  });
  expect(await lint(clean, '--chip', 'm99')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Expected a chip among'),
  });
  expect(await run('lint')).toMatchObject({ code: 2, stderr: expect.stringContaining('Expected a FILE of MIL text') });
});

test.skipIf(process.platform === 'win32')('reads what a shell pipes into /dev/stdin', async () => {
  const file = join(folder, 'piped.mil');
  writeFileSync(file, clean);
  const line = 'cat "$1" | "$2" "$3" lint /dev/stdin';
  const piped = promisify(execFile)('/bin/sh', ['-c', line, 'sh', file, process.execPath, cli]);
  expect((await piped).stdout).toMatch(/^0 errors, \d+ warnings for m4\n$/m);
});

test('refuses a pipe and a file larger than any program unread', async () => {
  const [pipe, sparse] = [join(folder, 'pipe.mil'), join(folder, 'sparse.mil')];
  await promisify(execFile)('mkfifo', [pipe]);
  writeFileSync(sparse, '');
  truncateSync(sparse, 2 ** 40);
  expect(await run('lint', pipe)).toMatchObject({
    code: 2,
    stderr: `mayfly: Cannot read MIL text at ${pipe}: it is a pipe [ERR_FILE]\n`,
  });
  expect(await run('lint', sparse)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('it has 1099511627776 bytes'),
  });
});

test('docs/reference/lint.md has the table of rules', async () => {
  const { stdout } = await run('lint', '--rules');
  expect(readFileSync(new URL('../../../docs/reference/lint.md', import.meta.url), 'utf8')).toContain(stdout);
});
