import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { launcher } from '../../fixtures/terminal.js';

const hasTmux = spawnSync('tmux', ['-V']).status === 0;
if (!hasTmux) console.log('skipped: the display in a terminal that is resized needs tmux');

const folder = temporaryFolder();

test.skipIf(!hasTmux)('a terminal that becomes narrower and wider shows the display once', async () => {
  const text = join(folder, 'text.txt');
  writeFileSync(text, 'All work and no play makes a dull text.\n'.repeat(40));
  // A server of its own, without the user's settings.
  const socket = join(folder, 'tmux');
  const tmux = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  onTestFinished(() => void spawnSync('tmux', ['-S', socket, 'kill-server']));
  const run = ['train', '--data', text, '--batch', '1', '--seq', '16', '--host-threads', '0', '--workers', '2'];
  const command = [launcher, ...run, '--steps', '1000000', '--out', join(folder, 'run')].join(' ');
  tmux('new-session', '-d', '-x', '120', '-y', '40', '-s', 'run', `${command}; cat`);

  // tmux keeps rows that it pushed out above in its history, where no program can erase them.
  const shown = () => tmux('capture-pane', '-p', '-J', '-t', 'run');
  const step = () => Number(/step\s+([\d,]+)\/1,0/.exec(shown())?.[1]?.replaceAll(',', '') ?? 0);
  const count = (what: RegExp) => shown().match(what)?.length ?? 0;
  const counts = () => [count(/ step\s+[\d,]+\/1,0/g), count(/ms\/step/g), count(/worker 1 \(pid/g)];
  const advance = async () => {
    const before = step();
    await expect.poll(step).toBeGreaterThan(before + 5);
  };
  await advance();
  for (const columns of [70, 45, 30, 100, 50, 120]) {
    tmux('resize-window', '-t', 'run', '-x', String(columns));
    await advance();
    expect([columns, ...counts()]).toEqual([columns, 1, 1, 1]);
  }
  tmux('send-keys', '-t', 'run', 'C-c');
  await expect.poll(() => count(/last loss/g)).toBe(1);
  expect(count(/ step\s+[\d,]+\/1,0/g)).toBe(1);
});
