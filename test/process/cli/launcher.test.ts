import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { runScript } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { launcher } from '../../fixtures/terminal.js';

const folder = temporaryFolder();

test('require finds the package', () => {
  expect(createRequire(import.meta.url).resolve('@mayfly/core')).toMatch(/dist\/index\.js$/);
});

test('a command that was not built says so in one line', async () => {
  cpSync(dirname(launcher), join(folder, 'bin'), { recursive: true });
  const { code, stderr } = await runScript(join(folder, 'bin/mayfly.js'), ['--help']);
  expect(stderr).toBe(
    `mayfly: Expected ${join(folder, 'dist/cli.js')}, got no such file: build it with npm run build\n`,
  );
  expect(code).toBe(1);
});

test('a signal ends a process whose JavaScript is busy', async () => {
  const program = `
    import { addon } from '@mayfly/native';
    addon.exitOnSignals([15], 'bye');
    process.stdout.write('busy');
    for (;;);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    stderr += part;
  });
  child.stdout.once('data', () => child.kill('SIGTERM'));
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(143);
  expect(stderr).toBe('bye');
});
