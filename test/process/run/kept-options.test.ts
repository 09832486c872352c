import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventsOf, lastEvent, mayfly } from '../../fixtures/command.js';
import { flags, out, runFile } from '../../fixtures/run-folder.js';

const place = ['--device', 'cpu', '--workers', '2', '--threads', '1', '--retire-evaluations', '500'];
const begin = async (...more: readonly string[]) => {
  const begun = await mayfly(['train', ...flags, ...place, '--steps', '2', '--out', out, '--json', ...more]);
  expect(begun).toMatchObject({ code: 0, stderr: '' });
  return begun;
};
const resume = async (...more: readonly string[]) => {
  const ended = await mayfly(['train', '--resume', out, '--steps', '3', '--json', ...more]);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return ended;
};

describe('a run that is resumed', () => {
  test('has the device, workers and budgets that it was begun with, and says so', async () => {
    await begin();
    const ended = await resume();
    expect(lastEvent(ended, 'options')).toMatchObject({
      fits: true,
      options: {
        host_threads: 0,
        pool: { device: 'cpu', workers: 2, threads: 1, standby: 0, budget: { evaluations: 500 } },
      },
    });
    expect(eventsOf(ended)[0]).toMatchObject({ event: 'start', options: { pool: { device: 'cpu', workers: 2 } } });
    expect(lastEvent(ended, 'done').resume_command).toMatch(/ --device cpu --workers 2 /);
    expect(runFile().given).toContain('pool');
  });

  test('takes what it is given now', async () => {
    await begin();
    const ended = await resume('--workers', '1', '--host-threads', '1');
    const { options } = lastEvent(ended, 'options') as unknown as { options: { pool: Record<string, unknown> } };
    expect(options.pool).not.toHaveProperty('workers');
    expect(options).not.toHaveProperty('host_threads');
    expect(eventsOf(ended)[0]).toMatchObject({ options: { host_threads: 1, pool: { workers: 1, threads: 1 } } });
    // All that could be kept is given again.
    const again = await resume('--host-threads', '0', '--standby', '0', ...place);
    expect(eventsOf(again).some(({ event }) => event === 'options')).toBe(false);
  });

  test('leaves them out on a machine of another kind, and says which', async () => {
    await begin();
    const file = join(out, 'run.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^ {2}processor: .*$/m, '  processor: Apple M9'));
    const ended = await resume('--device', 'cpu');
    expect(lastEvent(ended, 'options')).toMatchObject({ fits: false, machine: expect.stringMatching(/^Apple M9, /) });
    expect(eventsOf(ended)[0]).not.toMatchObject({ options: { pool: { workers: 2 } } });
  });
});

test('the command that resumes has what only the command knows, but no trace, which it would write over', async () => {
  const files = ['trace.json', 'board', 'steps.csv'].map((name) => join(out, name));
  const begun = await begin(
    ...['--rank-timeout', '5000', '--trace', files[0]!, '--tensorboard', files[1]!, '--csv', files[2]!],
  );
  const command = lastEvent(begun, 'done').resume_command as string;
  expect(command.endsWith(` --rank-timeout 5000 --tensorboard ${files[1]} --csv ${files[2]}`), command).toBe(true);
});
