import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ended, eventsOf, lastEvent, mayfly } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const text = join(folder, 'text.txt');
const small = ['--data', text, '--batch', '2', '--seq', '16', '--host-threads', '0'];
const run = join(folder, 'run');
let trained: Ended;

beforeAll(async () => {
  writeFileSync(text, Array.from({ length: 400 }, (_, n) => `${n} and ${n} are ${n + n}.\n`).join(''));
  trained = await mayfly([
    'train',
    ...small,
    '--steps',
    '6',
    '--weights',
    'static',
    '--retire-after',
    '24',
    '--out',
    run,
    '--json',
  ]);
});

test('help lists commands, options in groups, defaults and examples', async () => {
  const program = await mayfly(['--help']);
  expect(program.code).toBe(0);
  for (const command of ['train', 'eval', 'generate']) expect(program.lines.join('\n')).toContain(command);
  const train = await mayfly(['train', '--help']);
  expect(train.code).toBe(0);
  const help = train.lines.join('\n');
  for (const part of ['Optimizer:', 'Workers:', '--retire-after <n>', '(default: 0.9,0.95)', 'Examples:']) {
    expect(help).toContain(part);
  }
});

test('--version prints version, addon, instruction set and Node, as text and as JSON', async () => {
  const [version, ...facts] = (await mayfly(['--version'])).lines;
  expect(version).toBe('0.1.0');
  expect(facts.map((line) => line.split('  ')[0])).toEqual(['addon', 'instruction set', 'node']);
  const { code, lines } = await mayfly(['--version', '--json']);
  expect(code).toBe(0);
  const { platform, arch } = process;
  expect(JSON.parse(lines.join('\n'))).toEqual({
    ...{ version: '0.1.0', addon: expect.stringMatching(/\.node$/), isa: expect.stringMatching(/^\w+$/) },
    ...{ node: process.versions.node, platform, arch },
  });
});

describe('train --json', () => {
  test('prints JSON objects and nothing else, and ends with code 0', () => {
    expect(trained).toMatchObject({ code: 0, stderr: '' });
    expect(eventsOf(trained).map(({ event }) => event)).toEqual(expect.arrayContaining(['start', 'step', 'done']));
  });

  test('starts with device, reason and model', () => {
    const fields = {
      device: 'cpu',
      precision: 'exact',
      matmul: 'exact',
      model: 'tiny',
      parameters: 115_008,
      tokens_per_step: 32,
      first_step: 1,
    };
    expect(eventsOf(trained)[0]).toMatchObject({ event: 'start', ...fields });
    expect(eventsOf(trained)[0]?.device_reason).toEqual(expect.any(String));
  });

  test('prints each step', () => {
    const steps = eventsOf(trained).filter(({ event }) => event === 'step');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    const number = expect.any(Number);
    for (const step of steps) expect(step).toMatchObject({ loss: number, grad_norm: number, lr: 0.001, ms: number });
    expect(steps[0]?.loss).toBeCloseTo(Math.log(256), 0);
  });

  test('prints retiring workers, moved kernels and the paths of checkpoints', () => {
    expect(lastEvent(trained, 'workerRetire')).toMatchObject({ reason: 'compilations', compilations: 24, kernels: 8 });
    expect(lastEvent(trained, 'kernelMove')).toMatchObject({ reason: 'update' });
    const path = join(run, 'step-00000006.mayfly');
    expect(lastEvent(trained, 'checkpoint')).toMatchObject({ step: 6, path });
    expect(existsSync(path)).toBe(true);
  });

  test('ends with the figures of the closing table', () => {
    const done = eventsOf(trained).at(-1);
    expect(done).toMatchObject({ event: 'done', reason: 'finished', steps_run: 6, tokens: 192, worker_deaths: 0 });
    expect(done?.resume_command).toMatch(/mayfly(\.js)? train --resume .+ --host-threads 0 --retire-after 24$/);
    for (const name of ['params_sha256', 'losses_sha256']) expect(done?.[name]).toMatch(/^[0-9a-f]{64}$/);
    const number = expect.any(Number);
    const activities = ['kernels', 'host_math', 'host_threads', 'compile', 'dispatch'];
    expect(done?.activity_ms).toEqual(Object.fromEntries(activities.map((name) => [name, number])));
    expect(done).toMatchObject({ dispatches: number, compilations: number, retirements: number, workers_used: number });
  });
});

test('train without --json prints plain lines and the closing table', async () => {
  const { code, lines, stderr } = await mayfly(['train', ...small, '--steps', '4', '--out', join(folder, 'plain')]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const output = lines.join('\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not be there
  expect(output).not.toMatch(/[\u0000-\u0009\u000B-\u001F]/);
  expect(output).toMatch(/^device {2}cpu \(.+\), 1 worker/);
  expect(output).toMatch(/^step 4\/4 {2}loss \d\.\d{4} /m);
  expect(output).toMatch(/^train further +.*mayfly(\.js)? train --resume .+ --steps 8$/m);
});

test('train without --out writes to a folder of its own', async () => {
  const { code } = await mayfly(['train', ...small, '--steps', '1', '--json'], { cwd: folder });
  expect(code).toBe(0);
  const [own] = readdirSync(join(folder, 'runs'));
  expect(readdirSync(join(folder, 'runs', own!)).sort()).toEqual(['log.jsonl', 'run.yaml', 'step-00000001.mayfly']);
});

test('train refuses an --out that holds a run', async () => {
  const { code, lines, stderr } = await mayfly(['train', ...small, '--steps', '1', '--out', run, '--json']);
  expect({ code, lines }).toEqual({ code: 2, lines: [] });
  expect(stderr).toMatch(
    /^mayfly: Expected a folder for this run at .+, which has done 6 steps: --resume .+ --overwrite/,
  );
});

test('eval measures the trained model', async () => {
  const args = ['eval', '--model', run, '--data', text, '--window', '16', '--windows', '0:4'];
  const ended = await mayfly([...args, '--json']);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(ended.lines).toHaveLength(1);
  const { cross_entropy: loss, targets } = JSON.parse(ended.lines[0]!);
  expect(targets).toBe(64);
  expect(loss).toBeGreaterThan(4);
  expect(loss).toBeLessThan(5.6);
  const plain = await mayfly(args);
  expect(plain.lines).toEqual([`cross-entropy ${loss.toFixed(6)} nats per token over 64 targets`]);
});

test('generate draws the same tokens for the same seed, as text and as ids', async () => {
  const args = ['generate', '--model', run, '--prompt', '1 and', '--max-tokens', '8', '--seed', '5'];
  const [first, again, plain] = await Promise.all([
    mayfly([...args, '--json']),
    mayfly([...args, '--json']),
    mayfly(args),
  ]);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  const { ids, text: drawn } = JSON.parse(first.lines.join('\n')) as { ids: number[]; text: string };
  expect(JSON.parse(again.lines.join('\n'))).toMatchObject({ ids, text: drawn, tokens_per_second: expect.any(Number) });
  expect(ids).toHaveLength(8);
  // The last character may be cut within its bytes.
  expect(Buffer.from(ids).toString().startsWith(drawn)).toBe(true);
  expect(plain.lines.join('\n').startsWith(`1 and${drawn}`)).toBe(true);
});
