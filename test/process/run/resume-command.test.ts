import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lastEvent, launcher, mayfly } from '../../fixtures/command.js';
import { flags, folder, out } from '../../fixtures/run-folder.js';

describe('the command to resume', () => {
  /** As a user would paste it, elsewhere. */
  const paste = (command: string, env: NodeJS.ProcessEnv) =>
    spawnSync('sh', ['-c', `${command} --steps 3 --json`], {
      cwd: folder,
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });
  const plainPath = '/usr/bin:/bin';

  test.each([
    ['is on the path', 'bin', (bin: string) => ({ PATH: `${bin}:${process.env.PATH}` }), 'mayfly', undefined],
    ['is not', 'bin', () => ({ PATH: plainPath }), 'mayfly.js', undefined],
    [
      'is on the path of npx only',
      'node_modules/.bin',
      (bin: string) => ({ PATH: `${bin}:${plainPath}`, npm_execpath: '/usr/lib/npm-cli.js' }),
      'mayfly.js',
      { PATH: plainPath },
    ],
  ])(
    'runs as printed from another folder when mayfly %s, with all that checkpoints do not keep',
    async (_, place, environment, name, pastedInto) => {
      const bin = join(out, place);
      mkdirSync(bin, { recursive: true });
      symlinkSync(launcher, join(bin, 'mayfly'));
      const env = environment(bin);
      const budget = ['--workers', '2', '--retire-evaluations', '500'];
      const args = ['train', ...flags, '--steps', '2', '--out', "it's a run", ...budget, '--json'];
      const first = await mayfly(args, { cwd: out, env });
      const command = lastEvent(first, 'done').resume_command as string;
      expect(command).toContain(
        `${name} train --resume '${join(out, "it'\\''s a run")}' --host-threads 0 --workers 2 `,
      );
      expect(command).toMatch(/ --workers 2 --standby 0 --retire-evaluations 500$/);
      const rest = paste(command, pastedInto ?? env);
      expect(rest).toMatchObject({ status: 0, stderr: '' });
      expect(JSON.parse(rest.stdout.trim().split('\n').at(-1)!)).toMatchObject({
        event: 'done',
        last_step: 3,
        steps_run: 1,
      });
    },
  );

  test('runs as printed in a POSIX shell where the folder has characters that steer terminals', async () => {
    const name = "two\nlines, \u001B[31m a \\ and 100% of it's";
    const first = await mayfly(['train', ...flags, '--steps', '2', '--out', join(out, name), '--json']);
    const command = lastEvent(first, 'done').resume_command as string;
    expect(command).not.toMatch(/\p{C}/u);
    expect(paste(command, {})).toMatchObject({ status: 0, stderr: '' });
  });
});
