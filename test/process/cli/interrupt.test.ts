import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ended, eventsOf, lastEvent, mayfly, signalledAt } from '../../fixtures/command.js';
import { isAlive } from '../../fixtures/is-alive.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const STEPS = 16;
const folder = temporaryFolder();
const text = join(folder, 'text.txt');
const train = (out: string, ...more: readonly string[]) => [
  ...['train', '--data', text, '--batch', '2', '--seq', '16', '--host-threads', '0', '--steps', String(STEPS)],
  ...['--lr', '3e-3', '--warmup', '5', '--schedule', 'cosine', '--out', join(folder, out), '--json', ...more],
];

let whole: Ended;
beforeAll(async () => {
  writeFileSync(text, Array.from({ length: 400 }, (_, n) => `${n} and ${n} are ${n + n}.\n`).join(''));
  whole = await mayfly(train('whole'));
});

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, code) => {
  test('finishes the step and writes a checkpoint; the resumed run equals the uninterrupted one', async () => {
    const first = await mayfly(train(signal), { env: signalledAt('{"event":"step","step":7,', signal) });
    expect(first.code).toBe(code);
    const stopped = lastEvent(first, 'done');
    expect(stopped).toMatchObject({
      reason: 'aborted',
      resume_command: expect.stringMatching(`mayfly(\\.js)? train --resume ${join(folder, signal)} --host-threads 0$`),
    });
    const step = stopped.last_step as number;
    expect(step).toBeGreaterThanOrEqual(7);
    expect(step).toBeLessThan(STEPS);
    expect(lastEvent(first, 'checkpoint')).toMatchObject({ step });

    const rest = await mayfly(['train', '--resume', join(folder, signal), '--json']);
    expect(rest.code).toBe(0);
    expect(eventsOf(rest).find(({ event }) => event === 'step')).toMatchObject({ step: step + 1 });
    const [expected, done] = [lastEvent(whole, 'done'), lastEvent(rest, 'done')];
    expect(done).toMatchObject({
      last_step: STEPS,
      losses_sha256: expected.losses_sha256,
      params_sha256: expected.params_sha256,
    });
    const lossesOf = (ended: Ended) => eventsOf(ended).flatMap(({ event, loss }) => (event === 'step' ? [loss] : []));
    expect([...lossesOf(first), ...lossesOf(rest)]).toEqual(lossesOf(whole));
  });
});

test('a second signal ends the process at once, and its workers with it', async () => {
  const workers = new Set<number>();
  let signals = 0;
  const ended = await mayfly(train('twice', '--checkpoint-every', '1', '--steps', '1000000'), {
    onLine: (line, child) => {
      const event = JSON.parse(line);
      for (const { pid } of event.workers ?? [event]) if (pid !== undefined) workers.add(pid);
      // The first answer to a signal is the event `interrupt`: the second comes while the run is still ending.
      if ((event.event === 'step' && signals === 0) || event.event === 'interrupt') {
        signals += 1;
        child.kill('SIGINT');
      }
    },
  });
  expect(signals).toBe(2);
  expect(ended.code).toBe(130);
  expect(workers.size).toBeGreaterThan(0);
  await expect.poll(() => [...workers].filter(isAlive)).toEqual([]);
});
