import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const preload = fileURLToPath(new URL('../../fixtures/lingering-child.cjs', import.meta.url));
const cwd = fileURLToPath(new URL('../..', import.meta.url));

/** Nothing but the end of its pool keeps the program alive, and a process that it does not know holds the stderr of its workers. */
const script = `
  import { addon } from '@mayfly/native';
  import { createPool } from '@mayfly/core';
  const { spawn } = addon;
  addon.spawn = (options) => spawn({ ...options, args: ['--require', ${JSON.stringify(preload)}, ...options.args] });
  const pool = await createPool({ device: 'cpu', workers: 1, standby: 0 });
  pool.on('workerExit', ({ lastWords }) => console.log(lastWords));
  await pool.close();
  console.log('closed');`;

test('the end of a pool is awaited to the end, whoever else holds the stderr of its workers', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd });
  expect(stdout).toBe('the last words\nclosed\n');
});
