import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { mayfly, signalledAt } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { launcher, onTerminal } from '../../fixtures/terminal.js';

const folder = temporaryFolder();
const text = join(folder, 'text.txt');
const run = (name: string, steps: number, ...more: readonly string[]): string[] => [
  ...[launcher, 'train', '--data', text, '--batch', '1', '--seq', '16', '--host-threads', '0', '--standby', '0'],
  ...['--steps', String(steps), '--out', join(folder, name), ...more],
];
const checkpoints = (name: string) =>
  readdirSync(join(folder, name))
    .filter((file) => file.endsWith('.mayfly'))
    .map((file) => Number(/\d+/.exec(file)![0]));

beforeAll(() => writeFileSync(text, 'All work and no play makes a dull text.\n'.repeat(40)));

describe('a terminal that is closed in mid-run', () => {
  test('hangs up: the run saves and ends', async () => {
    const ended = await onTerminal(run('hung-up', 1e6), {
      folder,
      onText: (shown, terminal) => {
        if (shown.includes('ms/step')) terminal.close();
      },
    });
    expect(ended).toMatchObject({ code: 129, stderr: '' });
    expect(checkpoints('hung-up')).toHaveLength(1);
  });

  test('without a signal does not end the run', async () => {
    const ended = await onTerminal(run('gone', 200), {
      ...{ folder, session: false },
      onText: (shown, terminal) => {
        if (shown.includes('ms/step')) terminal.close();
      },
    });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(checkpoints('gone')).toEqual([200]);
  });

  test('with stdout and stderr on it does not end a run of JSON lines either', async () => {
    const ended = await onTerminal(run('gone-json', 200, '--json'), {
      session: false,
      onText: (shown, terminal) => {
        if (shown.includes('"step":3')) terminal.close();
      },
    });
    expect(ended.code).toBe(0);
    expect(checkpoints('gone-json')).toEqual([200]);
  });
});

test.each([
  ['nohup', ['nohup']],
  ['trap', ['sh', '-c', 'trap "" HUP; exec "$@"', 'sh']],
])('a hang-up that was ignored at start stays ignored: %s', async (name, [file, ...before]) => {
  const child = spawn(file!, [...before, ...run(`ignored-${name}`, 6, '--json')], {
    env: { ...process.env, ...signalledAt('{"event":"step","step":2,', 'SIGHUP') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout!.resume();
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
  expect(checkpoints(`ignored-${name}`)).toEqual([6]);
});

describe.skipIf(!existsSync('/dev/full'))('a full disk behind stdout', () => {
  const full = () => openSync('/dev/full', 'w');
  const codeOf = (args: readonly string[], stdout: number, stderr: number | 'ignore') => {
    const child = spawn(args[0]!, args.slice(1), { stdio: ['ignore', stdout, stderr] });
    return new Promise<number | null>((resolve) => child.once('close', resolve));
  };

  test.each([[[]], [['--json']]])('does not end a run: %j', async (more) => {
    const name = `full${more.length}`;
    expect(await codeOf(run(name, 5, ...more), full(), full())).toBe(0);
    expect(checkpoints(name)).toEqual([5]);
  });

  test('ends a command whose output is its result, with one line', async () => {
    const errors = join(folder, 'full.txt');
    expect(await codeOf([launcher, 'lint', '--rules'], full(), openSync(errors, 'w'))).toBe(1);
    expect(readFileSync(errors, 'utf8')).toMatch(/^mayfly: Cannot write to stdout: ENOSPC[^\n]*\n$/);
  });
});

test('a reader of stdout that goes away ends a run as a signal would', async () => {
  const script = '"$@" --json | head -n 2 >&2; exit $PIPESTATUS';
  const code = await new Promise((resolve) => {
    const child = execFile('bash', ['-c', script, 'bash', ...run('head', 1e6)], () => {});
    child.once('close', resolve);
  });
  expect(code).toBe(128 + constants.signals.SIGPIPE);
  expect(checkpoints('head')).toHaveLength(1);
});

describe.skipIf(process.platform !== 'linux')('a signal during the start', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends the command and its workers', async (signal) => {
    const file = join(folder, `children-${signal}`);
    const preload = new URL('../../fixtures/signal-at-first-child.mjs', import.meta.url).href;
    const command = [`${launcher}.js`, ...run('start', 5, '--workers', '8').slice(1)];
    const child = spawn(process.execPath, ['--import', preload, ...command], {
      env: { ...process.env, MAYFLY_TEST_SIGNAL: JSON.stringify([file, signal]) },
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      stderr += part;
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(128 + constants.signals[signal]);
    expect(stderr).toBe('mayfly: interrupted\n');
    const workers = readFileSync(file, 'utf8').split(' ');
    await expect.poll(() => workers.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });
});

describe('on a narrow terminal', () => {
  test.each([120, 60, 40])('no line is wider than its %i columns, and no word is broken', async (columns) => {
    const { text: shown, code } = await onTerminal(run(`narrow${columns}`, 1), { columns });
    expect(code).toBe(0);
    const header = stripVTControlCharacters(shown).slice(0, shown.indexOf('step 0/1')).split('\r\n');
    expect(Math.max(...header.map((line) => line.length))).toBeLessThanOrEqual(columns);
    const words = header.join(' ').split(/\s+/);
    for (const word of ['vocabulary', 'dynamic', 'weights', 'parameters,', 'standby,']) expect(words).toContain(word);
  });
});

test('plain lines where a terminal is dumb or has no width; no colours where none are wanted', async () => {
  const escapes = async (options: Parameters<typeof onTerminal>[1]) => {
    const { text: shown, code } = await onTerminal(run(`plain${Math.random()}`, 1), options);
    expect(code).toBe(0);
    expect(shown).toContain('last loss');
    return shown
      .split('\u001b[')
      .slice(1)
      .map((rest) => /^[\d;?]*[A-Za-z]/.exec(rest)?.[0]);
  };
  expect(await escapes({ env: { TERM: 'dumb' } })).toEqual([]);
  expect(await escapes({ columns: 0 })).toEqual([]);
  const colours = async (env: Record<string, string>) =>
    (await escapes({ env })).filter((sequence) => sequence?.endsWith('m')).length;
  expect(await colours({ NO_COLOR: '1' })).toBe(0);
  expect(await colours({ FORCE_COLOR: '0' })).toBe(0);
  expect(await colours({})).toBeGreaterThan(0);
});

test('a pipe gets colours only where FORCE_COLOR asks for them', async () => {
  const retiring = (name: string) => run(name, 3, '--retire-evaluations', '20', '--standby', '1').slice(1);
  const plain = (await mayfly(retiring('pipe'))).lines.join('\n');
  expect(plain).toMatch(/^worker 1 retires /m);
  expect(plain).not.toContain('\u001b');
  const { lines, stderr } = await mayfly(retiring('pipe-colour'), { env: { FORCE_COLOR: '1' } });
  expect(stderr).toBe('');
  expect(lines.find((line) => line.includes('worker 1 retires'))?.split('\u001b')).toEqual([
    '',
    expect.stringMatching(/^\[33mworker 1 retires /),
    '[0m',
  ]);
});

describe('escape sequences', () => {
  const hostile = 'x\u001b[2J\u001b]0;pwn\u0007\u009b31m\u202egnp';
  /** Every control character but tabs and line ends, and what reverses the order of a text. */
  const controls = /[^\P{C}\n\t]/u;

  test('of paths, files and arguments do not reach stdout or stderr', async () => {
    const place = join(folder, hostile);
    mkdirSync(place);
    writeFileSync(join(place, 'config.json'), `\u001b[2J\u009b2J{`);
    writeFileSync(join(place, 'text.txt'), 'All work and no play.\n'.repeat(20));
    const small = ['--batch', '1', '--seq', '16', '--steps', '1', '--standby', '0'];
    for (const args of [
      ['train', '--data', join(place, 'text.txt'), '--out', join(place, 'run'), ...small],
      ['train', '--data', join(place, 'text.txt'), '--out', join(place, 'run-json'), ...small, '--json'],
      ['eval', '--model', place, '--data', text],
      ['eval', '--model', join(place, 'none'), '--data', text],
      ['lint', join(place, 'none.mil')],
      ['train', `--${hostile}`],
      [hostile],
    ]) {
      const { lines, stderr } = await mayfly(args);
      expect(lines.join('\n')).not.toMatch(controls);
      expect(stderr).not.toMatch(controls);
    }
    rmSync(place, { recursive: true });
  });
});
