import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aneEnvironment, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { appleTools } from '../../fixtures/apple-tools.js';
import { launcher, mayfly } from '../../fixtures/command.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();

interface Report {
  readonly device: string;
  readonly [part: string]: { readonly result?: unknown; readonly error?: { code: string; message: string } } | string;
}

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Report;

/** A profile of an M4 with faults; `path` without the extension. */
function chip(path: string, faults: object): string {
  writeFileSync(`${path}.json`, JSON.stringify({ extends: 'm4', name: 'own', title: 'own', faults }));
  return `sim:${path}.json`;
}

test('names no user, no host, no folder and no serial number', async () => {
  const home = join(folder, 'Jane Planted');
  const work = join(home, 'secret work');
  mkdirSync(work, { recursive: true });
  const tools = appleTools(join(folder, 'tools'));
  // Its name comes back in the errors of the refused programs.
  const device = chip(join(work, `${hostname()} of jplanted`), { compile: [{ fault: 'error', from: 1 }] });
  const env = { ...tools.environment, HOME: home, USER: 'jplanted', LOGNAME: 'jplanted', TMPDIR: work };
  const run = (...options: string[]) => mayfly(['doctor', '--device', device, ...options], { cwd: work, env });
  const planted = [home, 'Jane Planted', 'jplanted', hostname(), 'secret work', 'SERIAL'];
  const found = (text: string) => planted.filter((each) => text.toLowerCase().includes(each.toLowerCase()));
  const plain = await run('--json');
  expect(found(plain.lines.join('\n'))).toEqual(planted.slice(0, 5));

  expect(await run('--report')).toMatchObject({ code: 0 });
  const text = readFileSync(join(work, 'mayfly-report.json'), 'utf8');
  expect(found(text)).toEqual([]);
  expect(text).not.toMatch(new RegExp(`\\b${userInfo().username}\\b.*/`));
  const { mac, ladder } = read(join(work, 'mayfly-report.json'));
  expect(mac).toMatchObject({
    result: { release: '26.3', build: '25D125', model: 'Mac16,1', chip: 'Apple M4', power: { source: 'mains' } },
  });
  expect(JSON.stringify(ladder)).toContain('<host> of <user>');
});

test('has every part, with the error in place of one that failed', async () => {
  // The programs of the ladder run out of luck at the sixth, and those of a training before they are all compiled.
  const device = chip(join(folder, 'ill'), { compile: [{ fault: 'crash', at: 6 }] });
  const file = join(folder, 'ill-report.json');
  const { code, lines } = await mayfly(['doctor', '--report', file, '--device', device]);
  expect(code).toBe(0);
  const report = read(file);
  expect(report.devices).toMatchObject({ result: [{}, {}, { usable: true, round_trip: { ok: true } }] });
  const steps = (report.ladder as { result: { what: string; compile_ms: number | null; error: object | null }[] })
    .result;
  expect(steps[5]).toMatchObject({ compile_ms: null, error: { code: 'ERR_WORKER_LOST' } });
  expect(steps.filter(({ error }) => error === null).length).toBeGreaterThan(10);
  expect(steps.at(-1)!.what).toContain('RMSNorm');
  expect(lines.join('\n')).toMatch(/^compile ladder .*programs; not: convolution 4096 → 4096/m);
  expect(report.static_training).toHaveProperty(['error', 'code']);
  expect(lines.join('\n')).toMatch(/^static weights +failed: /m);
});

test.each([
  ['a folder that is not there', join(folder, 'nowhere', 'report.json'), 'no such file or directory'],
  ['a folder', folder, 'it is a folder'],
  ['no name', '', 'no such file or directory'],
  ['a name that is too long', join(folder, 'n'.repeat(300)), 'name too long'],
])('a report that cannot be written is an error that says why, before the work: %s', async (_, file, why) => {
  const { code, stderr } = await mayfly(['doctor', '--report', file]);
  expect(code).toBe(2);
  expect(stderr).toContain(`mayfly: Cannot write a report to ${file}: ${why}`);
  expect(stderr).not.toContain('trying');
});

test('a report replaces no link', async () => {
  const [target, link] = [join(folder, 'target.txt'), join(folder, 'link.json')];
  writeFileSync(target, 'kept');
  symlinkSync(target, link);
  const { code, stderr } = await mayfly(['doctor', '--report', link]);
  expect(code).toBe(2);
  expect(stderr).toContain(`Cannot write a report to ${link}: it is a symbolic link`);
  expect([lstatSync(link).isSymbolicLink(), readFileSync(target, 'utf8')]).toEqual([true, 'kept']);
});

test('an interrupted report writes nothing', async () => {
  const file = join(folder, 'interrupted.json');
  const device = chip(join(folder, 'slow'), { teardownMs: 400 });
  const child = spawn(process.execPath, [launcher, 'doctor', '--report', file, '--device', device]);
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    // It says what it does once it has taken two seconds.
    if (told === '') child.kill('SIGINT');
    told += text;
  });
  expect((await once(child, 'close'))[0]).toBe(130);
  expect(told).toMatch(/^trying .*\n(.*\n)*mayfly: interrupted\n$/);
  expect(existsSync(file)).toBe(false);
});

onEachRuntime((tier, runtime) => {
  test.runIf(fullProduct)('has methods, canaries, the ladder and the losses of an engine', async () => {
    const staged = join(folder, `staged-${tier}`);
    mkdirSync(staged);
    const file = join(folder, `${tier}.json`);
    const env = aneEnvironment(runtime, staged, { XDG_CACHE_HOME: join(folder, `cache-${tier}`) });
    expect(await mayfly(['doctor', '--report', file], { env })).toMatchObject({ code: 0 });
    const report = read(file);
    expect(report.device).toBe('ane');
    const training = { result: { largest_difference: 0, worker_deaths: 0, steps: { length: 10 } } };
    expect(report).toMatchObject({
      framework: { result: { available: true } },
      dynamic_programs: { result: { weights: 'dynamic', chosen: { silu: 'exp', attention: 'fused' }, notes: [] } },
      static_programs: { result: { weights: 'static', chosen: { silu: 'exp', feed_forward: 'fused' } } },
      dynamic_training: training,
      static_training: training,
    });
    const { methods, canaries } = (report.framework as { result: { methods: object[]; canaries: object[] } }).result;
    expect(methods).toContainEqual(
      expect.objectContaining({ method: expect.stringContaining('compileWithQoS:options:error:'), usable: true }),
    );
    expect(canaries).toContainEqual(expect.objectContaining({ name: 'round trip', ok: true }));
    const { result: steps } = report.ladder as { result: { error: object | null; compile_ms: number }[] };
    expect(steps.map(({ error }) => error)).toEqual(steps.map(() => null));
    expect(Math.min(...steps.map(({ compile_ms: ms }) => ms))).toBeGreaterThan(0);
  });
});
