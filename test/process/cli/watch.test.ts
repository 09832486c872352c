import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { RunLock } from '@mayfly/core/testing';
import { stepColumns, WatchServer } from '@mayfly/core/watch';
import { expect, onTestFinished, test } from 'vitest';
import { eventsOf, launcher, mayfly, runScript } from '../../fixtures/command.js';
import { LogWriter } from '../../fixtures/log-lines.js';
import { flags } from '../../fixtures/run-folder.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get(url, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) });
      });
    }).on('error', reject);
  });
}

/** A server over a folder, its address, and the cookie that its page gets. */
async function opened(name: string) {
  const folder = join(root, name);
  const log = new LogWriter(join(folder, 'book')).start().step(1).step(2);
  const server = await WatchServer.open({ folders: [folder], intervalMs: 20 });
  onTestFinished(() => server.close());
  const origin = new URL(server.url).origin;
  const first = await ask(server.url);
  const cookie = first.headers['set-cookie']![0]!.split(';')[0]!;
  return { log, server, origin, cookie, first, folder };
}

test('the token opens the page, leaves the address, and stays in a cookie that scripts and other sites do not get', async () => {
  const { origin, cookie, first } = await opened('token');
  expect([first.status, first.headers.location]).toEqual([303, '/']);
  expect(first.headers['set-cookie']![0]).toMatch(/; HttpOnly; SameSite=Strict; Path=\/$/);
  const page = await ask(`${origin}/`, { cookie });
  expect(page.status).toBe(200);
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  const assets = [...String(page.body).matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, path]) => path!);
  expect(assets.length).toBeGreaterThan(1);
  for (const path of assets) expect([path, (await ask(`${origin}/${path}`, { cookie })).status]).toEqual([path, 200]);
  expect(String(page.body)).not.toMatch(/https?:\/\//);
});

test('without the token, with another one, for another host and for other files there is nothing', async () => {
  const { server, origin, cookie } = await opened('refusals');
  const { port } = new URL(origin);
  const status = async (url: string, headers = {}) => (await ask(url, headers)).status;
  expect(await status(`${origin}/`)).toBe(403);
  expect(await status(`${origin}/api/runs`)).toBe(403);
  expect(await status(`${origin}/?token=${'x'.repeat(22)}`)).toBe(403);
  expect(await status(server.url, { host: `evil.example:${port}` })).toBe(421);
  expect(await status(`${origin}/../package.json`, { cookie })).toBe(404);
  expect(await status(`${origin}/%2e%2e/cli.js`, { cookie })).toBe(404);
  expect(await status(`${origin}/api/runs/nothing`, { cookie })).toBe(404);
});

test('runs, a run, and its steps from a row on', async () => {
  const { origin, cookie, log } = await opened('answers');
  const json = async (path: string) => JSON.parse(String((await ask(`${origin}${path}`, { cookie })).body));
  const [entry] = await json('/api/runs');
  expect(entry).toMatchObject({ name: 'book', state: 'killed', step: 2, steps: 100, rows: 2, loss: 4.98 });
  log.step(3).write('sample', { step: 3, prompt: 'once', text: ' upon' });
  expect(await json('/api/runs')).toMatchObject([{ rows: 3, events: 2 }]);
  expect(await json(`/api/runs/${entry.id}`)).toMatchObject({ samples: [{ text: ' upon' }], start: { model: 'tiny' } });
  const steps = await ask(`${origin}/api/runs/${entry.id}/steps?from=1`, { cookie });
  expect(steps.headers['x-columns']).toBe(stepColumns.join(','));
  const values = new Float64Array(new Uint8Array(steps.body).buffer);
  expect([...values.subarray(0, 2)]).toEqual([2, 3]);
  expect(values.length).toBe(2 * stepColumns.length);
});

test('the event stream tells of what a log gains, and of new runs', async () => {
  const { origin, cookie, log, folder } = await opened('events');
  const response = await fetch(`${origin}/api/events`, { headers: { cookie } });
  const reader = response.body!.getReader();
  let text = '';
  const until = async (part: RegExp) => {
    while (!part.test(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`Expected ${part}, got ${text}`);
      text += Buffer.from(value).toString();
    }
    text = '';
  };
  await until(/event: runs\ndata: .*"rows":2/);
  log.step(3);
  await until(/event: change\ndata: .*"rows":3/);
  new LogWriter(join(folder, 'second')).start();
  await until(/event: runs\ndata: .*"name":"second"/);
  await reader.cancel();
});

test('mayfly watch prints an address that works and ends with its signal', async () => {
  const folder = join(root, 'command');
  new LogWriter(join(folder, 'book')).start().step(1);
  let status = 0;
  const ended = await mayfly(['watch', folder, '--json'], {
    onLine: async (line, child) => {
      status = (await ask(JSON.parse(line).url)).status;
      child.kill('SIGTERM');
    },
  });
  expect(status).toBe(303);
  expect(eventsOf(ended)).toMatchObject([{ event: 'watch', runs: 1 }]);
  expect([ended.code, ended.signal]).toEqual([0, null]);
  const missing = await mayfly(['watch', join(root, 'nothing')]);
  expect([missing.code, missing.stderr]).toEqual([
    2,
    expect.stringMatching(/^mayfly: Expected a run or a folder of runs/),
  ]);
});

test('train --watch shows the run while it trains, in a process that ends with it', async () => {
  const out = join(root, 'trained');
  let url = '';
  let seen: unknown[] = [];
  const ended = await mayfly(['train', ...flags, '--steps', '1000000', '--out', out, '--watch', '--json'], {
    onLine: async (line, child) => {
      const record = JSON.parse(line);
      if (record.event !== 'watch') return;
      url = record.url;
      const { headers } = await ask(url);
      const cookie = headers['set-cookie']![0]!.split(';')[0]!;
      const { body } = await ask(`${new URL(url).origin}/api/runs`, { cookie });
      seen = JSON.parse(String(body));
      child.kill('SIGINT');
    },
  });
  expect(ended.code).toBe(130);
  expect(readFileSync(join(out, 'log.jsonl'), 'utf8')).not.toContain('token=');
  expect(seen).toMatchObject([{ name: 'trained', model: 'tiny', folder: out }]);
  await expect
    .poll(() =>
      ask(url).then(
        () => 'answers',
        () => 'gone',
      ),
    )
    .toBe('gone');
});

test('mayfly runs and mayfly plot say what the logs say', async () => {
  const folder = join(root, 'listed');
  const log = new LogWriter(join(folder, 'one')).start();
  for (let step = 1; step <= 300; step++) log.step(step);
  log.write('evaluation', { step: 300, cross_entropy: 1.5 }).write('done', { reason: 'finished' });
  new LogWriter(join(folder, 'two')).start().step(1).write('done', { reason: 'aborted' });
  new LogWriter(join(folder, 'three')).start().write('error', { error: { message: 'no' } });
  const listed = eventsOf(await mayfly(['runs', folder, '--json'])) as unknown[];
  expect(listed).toMatchObject([
    { name: 'one', state: 'finished', step: 300, loss: 2, best: 1.5, pid: null },
    { name: 'three', state: 'failed', step: 0, loss: null },
    { name: 'two', state: 'stopped', step: 1 },
  ]);
  const table = (await mayfly(['runs', folder])).lines;
  expect(table[2]).toMatch(/^one {2,}finished {2,}300\/100 {2,}2\.0000 {2,}1\.5000 {2,}tiny/);
  const drawn = await mayfly(['plot', join(folder, 'one'), '--height', '8']);
  expect(drawn.lines.at(-1)).toBe('* one: loss 2 at step 300, lowest 2');
  expect(drawn.lines.filter((line) => line.includes('*')).length).toBeGreaterThan(6);
  const points = JSON.parse((await mayfly(['plot', join(folder, 'one'), '--json'])).lines[0]!);
  expect([points.metric, points.points.length, points.points[0]]).toEqual(['loss', 300, [1, 4.99]]);
  const none = await mayfly(['plot', join(folder, 'two'), '--metric', 'validation']);
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('--metric')]);
  const early = await mayfly(['plot', join(folder, 'three')]);
  expect([early.code, early.stderr]).toEqual([
    2,
    expect.stringMatching(/^mayfly: Expected a run with steps, got none in /),
  ]);
});

test('a file, and a folder without runs, in place of a folder of runs', async () => {
  const file = join(root, 'book.txt');
  writeFileSync(file, 'text');
  mkdirSync(join(root, 'empty'));
  for (const command of ['runs', 'watch', 'plot']) {
    const { code, stderr } = await mayfly([command, file]);
    expect([command, code, stderr]).toEqual([
      command,
      2,
      `mayfly: Cannot read the folder ${file}: not a directory [ERR_FILE]\n`,
    ]);
  }
  const { code, stderr } = await mayfly(['plot', join(root, 'empty')]);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^mayfly: Expected a run or a folder of runs, got none in /),
  ]);
});

test('mayfly runs in a folder without runs says so', async () => {
  const ended = await runScript(launcher, ['runs'], { cwd: root });
  expect([ended.code, ended.lines]).toEqual([0, ['no runs']]);
});

test('a run whose lock a living process holds is running', async () => {
  const { folder } = new LogWriter(join(root, 'locked')).start().step(1);
  const lock = RunLock.take(folder);
  onTestFinished(() => lock.release());
  expect(eventsOf(await mayfly(['runs', folder, '--json']))).toMatchObject([{ state: 'running', pid: process.pid }]);
  lock.release();
  expect(eventsOf(await mayfly(['runs', folder, '--json']))).toMatchObject([{ state: 'killed', pid: null }]);
});
