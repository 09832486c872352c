import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { eventsOf, lastEvent, mayfly, runScript } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const runner = fileURLToPath(new URL('../../../packages/examples/run.mjs', import.meta.url));
const folder = temporaryFolder();

async function example(name: string, ...args: readonly string[]) {
  const ended = await runScript(runner, [name, ...args, '--json'], { cwd: folder });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return ended;
}

test('main-job trains, retires a worker, prints samples and held-out losses, and can be resumed', async () => {
  const out = join(folder, 'main-job');
  const ended = await example('main-job', '--steps', '12', '--retire-evaluations', '60', '--out', out);
  const events = eventsOf(ended);
  expect(events.filter(({ event }) => event === 'sample').map(({ when }) => when)).toEqual([
    'before training',
    'after training',
  ]);
  const lossesOf = (name: string) =>
    events.filter(({ event }) => event === name).map((event) => event.cross_entropy as number);
  const heldOut = [...lossesOf('evaluation'), ...lossesOf('heldOut')];
  expect(heldOut).toHaveLength(1 + 6 + 1);
  expect(heldOut[0]).toBeGreaterThan(5);
  expect(heldOut.at(-1)).toBeLessThan(heldOut[0]! - 1);
  expect(lastEvent(ended, 'workerRetire')).toMatchObject({ reason: 'evaluations' });
  expect(lastEvent(ended, 'kernelMove')).toMatchObject({ reason: 'retire' });
  expect(lastEvent(ended, 'done')).toMatchObject({
    steps_run: 12,
    resume_command: expect.stringContaining(` train --resume ${out} `),
  });

  const resumed = await mayfly(['train', '--resume', out, '--steps', '14', '--json']);
  expect(resumed).toMatchObject({ code: 0, stderr: '' });
  expect(lastEvent(resumed, 'done')).toMatchObject({ last_step: 14, steps_run: 2, updates: 14 });
});

test('single-layer prints time and operations of a step', async () => {
  const ended = await example(
    'single-layer',
    '--dim',
    '64',
    '--hidden',
    '128',
    '--heads',
    '2',
    '--seq',
    '32',
    '--steps',
    '3',
  );
  const result = JSON.parse(ended.lines.at(-1)!);
  expect(result).toMatchObject({ device: 'cpu', dim: 64, seq: 32 });
  expect(result.msPerStep).toBeGreaterThan(0);
  expect(result.tflopsPerSecond).toBeGreaterThan(0);
});

test('multi-layer gives nearly the same losses in both weight strategies', async () => {
  const ended = await example('multi-layer', '--dim', '64', '--layers', '2', '--seq', '32', '--steps', '8');
  const { strategies, largestLossDifference } = JSON.parse(ended.lines.at(-1)!);
  expect(strategies.map(({ compilations }: { compilations: number }) => compilations)).toEqual([4, 8 + 8 * 8]);
  expect(largestLossDifference).toBeLessThan(2e-3);
});

test('stress ends with no process and no descriptor left', async () => {
  const ended = await runScript(runner, ['stress', '--steps', '40', '--json'], { cwd: folder });
  const { retirements, deaths, loss, leaks } = JSON.parse(ended.lines.at(-1)!);
  expect({ retirements, deaths }).toEqual({ retirements: 3, deaths: 0 });
  expect(loss).toBeLessThan(4.5);
  // What grows is only told apart from what has not settled yet in longer runs than a test's.
  expect(leaks.filter((leak: string) => !leak.endsWith('grew'))).toEqual([]);
});

test('parallel-block has right gradients and learns', async () => {
  const ended = await example('parallel-block', '--dim', '32', '--layers', '2', '--seq', '32', '--steps', '20');
  const { checkError, firstLoss, lastLoss } = JSON.parse(ended.lines.at(-1)!);
  expect(checkError).toBeLessThan(0.02);
  expect(lastLoss).toBeLessThan(firstLoss - 0.5);
});

test('bring-your-own-mil gives the same result after its worker was killed', async () => {
  const ended = await example('bring-your-own-mil', '--runs', '100');
  expect(JSON.parse(ended.lines.at(-1)!)).toMatchObject({ runs: 100, different: 0, deaths: 1, compilations: 2 });
});

test('fine-tune learns its task, and the exported model has learnt it', async () => {
  const out = join(folder, 'fine-tune');
  const ended = await example('fine-tune', '--steps', '40', '--out', out);
  const { before, after, readBack } = JSON.parse(ended.lines.at(-1)!);
  expect(after.crossEntropy).toBeLessThan(0.7 * before.crossEntropy);
  expect(after.acc).toBeGreaterThanOrEqual(before.acc);
  expect(Math.abs(readBack.crossEntropy - after.crossEntropy)).toBeLessThan(1e-3);
  expect(readBack.acc).toBe(after.acc);
});

const hasMpirun = spawnSync('mpirun', ['--version']).error === undefined;

test.skipIf(!hasMpirun)('ranks trains in two processes that MPI connects, with the bits of one', async () => {
  const ended = await example('ranks', '--steps', '4');
  const [result] = ended.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  expect(result).toMatchObject({ ranks: 2, same: true, sentBytesPerStep: expect.closeTo(460_032, -2) });
});

test('ranks says in one line that MPI is missing, and is no failure', async () => {
  const path = join(folder, 'no-mpi');
  mkdirSync(path);
  const ended = await runScript(runner, ['ranks'], { cwd: folder, env: { PATH: path } });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(ended.lines).toEqual([expect.stringMatching(/^skipped: needs mpirun of Open MPI or MPICH \(/)]);
});

test('an unknown option or example is an error of one line, with exit code 2', async () => {
  const unknown = await runScript(runner, ['fly']);
  expect(unknown).toMatchObject({ code: 2, lines: [] });
  expect(unknown.stderr).toMatch(/^Expected an example \(.*main-job.*\), got `fly`\n$/);
  const option = await runScript(runner, ['stress', '--steps', 'many']);
  expect(option).toMatchObject({ code: 2, stderr: 'Expected --steps to be a number, got `many`\n' });
});
