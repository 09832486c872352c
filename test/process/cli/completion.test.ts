import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const scriptOf = (shell: string) => join(folder, `mayfly.${shell}`);
const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;

beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, lines, stderr } = await mayfly(['completion', shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    writeFileSync(scriptOf(shell), `${lines.join('\n')}\n`);
  }
  mkdirSync(join(folder, 'files'));
  writeFileSync(join(folder, 'files', 'book.txt'), '');
});

/** What a shell offers for the last of the words. */
const offers = {
  bash(words: readonly string[]): string[] {
    const set = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`;
    return output('bash', [
      '--norc',
      '-c',
      `source "$0"; complete -p mayfly >&2; ${set}; _mayfly; printf '%s\\n' "\${COMPREPLY[@]}"`,
      scriptOf('bash'),
    ]);
  },
  fish(words: readonly string[]): string[] {
    const offered = output('fish', [
      '--no-config',
      '-c',
      `source ${scriptOf('fish')}; complete -C '${words.join(' ')}'`,
    ]);
    return offered.map((line) => line.split('\t')[0]!);
  },
};

function output(file: string, args: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(file, args, { cwd: join(folder, 'files'), encoding: 'utf8' });
  expect({ status, stderr: stderr.replace(/^complete .*-F _mayfly mayfly\n$/, '') }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

describe.each(['bash', 'fish'] as const)('completion in %s', (shell) => {
  const offered = (...words: string[]) => offers[shell](['mayfly', ...words]);

  test.skipIf(!has(shell))('offers commands, options and the values of options', () => {
    expect(offered('tr')).toEqual(['train']);
    expect(offered('')).toEqual(expect.arrayContaining(['train', 'doctor', 'completion']));
    expect(offered('completion', 'z')).toEqual(['zsh']);
    expect(offered('train', '--retire-a')).toEqual(['--retire-after']);
    expect(offered('train', '--weights', 'st')).toEqual(['static']);
    expect(offered('lint', '--weights', 'st')).toEqual([]);
    // An option of another command.
    expect(offered('train', '--max-tok')).toEqual([]);
  });
});

test.skipIf(!has('fish'))('fish offers files after an option that takes one', () => {
  expect(offers.fish(['mayfly', 'train', '--data', 'bo'])).toEqual(['book.txt']);
});

test.skipIf(!has('zsh'))('zsh loads the script, whose commands and options are those of the help', () => {
  const load = `autoload -Uz compinit; compinit -u -D; source ${scriptOf('zsh')}; print $_comps[mayfly]; which _mayfly`;
  const lines = output('zsh', ['-f', '-c', load]);
  expect(lines[0]).toBe('_mayfly');
  for (const part of ["'train:Train a model", "'--weights[", ':value:(dynamic static)']) {
    expect(lines.join('\n')).toContain(part);
  }
});

test('another shell gets one line that lists those that there are', async () => {
  const { code, stderr } = await mayfly(['completion', 'tcsh']);
  expect(code).toBe(2);
  expect(stderr).toBe('mayfly: Expected <shell> to be bash or zsh or fish, got `tcsh`\n');
});
