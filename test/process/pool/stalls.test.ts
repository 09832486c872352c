import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { scaleProgram, slowProgram } from '../../fixtures/programs.js';

const program = fileURLToPath(new URL('../../fixtures/stalling-parent.mjs', import.meta.url));
/** Of each dispatch and compilation, which take a small part of it; a stall is longer. */
const DEADLINE_MS = 1500;
const STALL_MS = 2000;

let parent: ChildProcessWithoutNullStreams;
afterEach(() => {
  parent.kill('SIGKILL');
});

/** A program with a pool, in a process group of its own. */
async function start(text: string, side: number) {
  parent = spawn(process.execPath, [program], { detached: true });
  parent.stdin.write(`${JSON.stringify({ text, side, deadlineMs: DEADLINE_MS })}\n`);
  parent.stderr.pipe(process.stderr);
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
  const heard = async () => (await lines.next()).value as string;
  expect(await heard()).toBe('ready');
  return {
    async ask(what: string): Promise<string> {
      parent.stdin.write(`${what}\n`);
      return heard();
    },
    async end(): Promise<unknown> {
      parent.stdin.write('end\n');
      const told = JSON.parse(await heard());
      await once(parent, 'exit');
      return told;
    },
  };
}

/** Some 100 ms of work: it is under way when the process is stopped. */
const slow = [slowProgram(128, 500), 128] as const;

test('user code that blocks the event loop for longer than a deadline kills no worker', async () => {
  const { ask, end } = await start(scaleProgram(1, 3), 1);
  expect(await ask(`block ${STALL_MS}`)).toBe('blocked');
  expect(await end()).toEqual({ outcomes: { ok: 9 }, reasons: [], deaths: 0 });
});

test.skipIf(process.platform === 'win32').each([
  ['the main process alone', (pid: number) => pid],
  ['the main process and its workers', (pid: number) => -pid],
])('%s may be stopped for longer than a deadline', async (_, target) => {
  const { ask, end } = await start(...slow);
  for (let stop = 0; stop < 2; stop++) {
    expect(await ask('run')).toBe('sent');
    process.kill(target(parent.pid!), 'SIGSTOP');
    await sleep(STALL_MS);
    process.kill(target(parent.pid!), 'SIGCONT');
  }
  expect(await end()).toEqual({ outcomes: { ok: 3 }, reasons: [], deaths: 0 });
});
