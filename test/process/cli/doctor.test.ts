import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  Arena,
  defaultBudget,
  limitsFile,
  ProbeWorker,
  probeLimits,
  readMachineLimits,
  resolvePoolOptions,
} from '@mayfly/core/testing';
import { addon } from '@mayfly/native';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { aneEnvironment, emulators, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { mayfly } from '../../fixtures/command.js';
import { askAddon, modelledSets } from '../../fixtures/instruction-sets.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const cli = new URL('../../../packages/core/bin/mayfly.js', import.meta.url).pathname;
const folder = temporaryFolder();
const cacheHome = process.env.XDG_CACHE_HOME;
let caches = 0;

beforeEach(() => {
  process.env.XDG_CACHE_HOME = join(folder, `cache-${caches++}`);
});
afterEach(() => {
  if (cacheHome === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cacheHome;
});

function chip(name: string, compilations: number, livePrograms: number, faults: object = {}): string {
  const file = join(folder, `${name}.json`);
  const figure = (value: number) => ({ value, source: 'test', grade: 'C' });
  const limits = { compilations: figure(compilations), livePrograms: figure(livePrograms) };
  writeFileSync(file, JSON.stringify({ extends: 'm4', name, title: name, limits, faults }));
  return `sim:${file}`;
}

function doctor(...given: [{ env: NodeJS.ProcessEnv }, ...string[]] | string[]) {
  const [first, ...rest] = given;
  const [env, options] = typeof first === 'object' ? [first.env, rest] : [process.env, given];
  const argv = [cli, 'doctor', ...options.map(String)];
  return promisify(execFile)(process.execPath, argv, { encoding: 'utf8', env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

describe('probing limits', () => {
  test('finds both limits of a chip, and they become the budget of pools', async () => {
    const device = chip('both', 40, 20);
    expect(resolvePoolOptions({ device }).budget).toEqual(defaultBudget);
    const { apis, better } = await probeLimits({ device });
    expect([apis.length, better]).toEqual([1, null]);
    expect(apis[0]).toMatchObject({
      compilations: { count: 40, end: 'refused', message: expect.stringContaining('compilation 41 of this process') },
      livePrograms: { count: 20, end: 'refused', message: expect.stringContaining('0x50004') },
      liveLimit: 'slots',
      file: limitsFile(device),
    });
    expect(resolvePoolOptions({ device }).budget).toMatchObject({ compilations: 34, livePrograms: 18 });
    expect(resolvePoolOptions({ device, budget: { compilations: 7 } }).budget).toMatchObject({
      compilations: 7,
      livePrograms: 18,
    });
    expect(resolvePoolOptions({ device: 'cpu' }).budget).toEqual(defaultBudget);
  });

  test('distinguishes slots from compilations', async () => {
    expect((await probeLimits({ device: chip('few', 15, 50) })).apis[0]).toMatchObject({
      compilations: { count: 15, end: 'refused' },
      livePrograms: { count: 15, end: 'refused' },
      liveLimit: 'compilations',
    });
  });

  test('is content at its ceiling', async () => {
    const counts: string[] = [];
    const onProgress = (stage: string, count: number) => counts.push(`${stage} ${count}`);
    expect((await probeLimits({ device: chip('many', 119, 128), ceiling: 3, onProgress })).apis[0]).toMatchObject({
      compilations: { count: 3, end: 'ceiling' },
      livePrograms: { count: 3, end: 'ceiling' },
      liveLimit: 'none',
    });
    expect(counts).toEqual([
      ...[1, 2, 3].map((n) => `compilations ${n}`),
      ...[1, 2, 3].map((n) => `live programs ${n}`),
    ]);
  });

  test('stops at the first sign of trouble and keeps nothing', async () => {
    const device = chip('ill', 119, 128, { compile: [{ fault: 'crash', at: 6 }] });
    expect((await probeLimits({ device })).apis[0]).toMatchObject({
      compilations: { count: 5, end: 'trouble', message: expect.stringMatching(/SIGSEGV|closed its socket/) },
      livePrograms: null,
      file: null,
    });
    expect(resolvePoolOptions({ device }).budget).toEqual(defaultBudget);
    expect(await doctor('--probe-limits', '--device', device)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('in trouble'),
    });
  });

  test('limits of another machine do not count', async () => {
    const device = chip('moved', 10, 10);
    await probeLimits({ device });
    const stored = JSON.parse(readFileSync(limitsFile(device), 'utf8')) as object;
    writeFileSync(limitsFile(device), JSON.stringify({ ...stored, machine: 'another' }));
    expect(resolvePoolOptions({ device }).budget).toEqual(defaultBudget);
    writeFileSync(limitsFile(device), '{');
    expect(resolvePoolOptions({ device }).budget).toEqual(defaultBudget);
  });
});

test('tries every device in a process of its own and checks it against cpu', async () => {
  const { code, stdout } = await doctor('--json', '--device', 'sim:m4');
  expect(code).toBe(0);
  const report = JSON.parse(stdout) as {
    devices: { device: string; usable: boolean; reason: string; round_trip: object | null }[];
  };
  expect(report).toMatchObject({
    versions: { node: process.versions.node },
    system: { platform: process.platform, arch: process.arch },
    addon: { isa: addon.isa(), isa_fault: null, fast_matmul: addon.fastMatmul() },
  });
  const of = (name: string) => report.devices.find(({ device }) => device === name);
  expect(of('cpu')).toMatchObject({ usable: true, round_trip: { ok: true, error: 0 } });
  expect(of('sim:m4')).toMatchObject({ usable: true, round_trip: { ok: true, error: 0 } });
  if (process.platform === 'linux')
    expect(of('ane')).toMatchObject({ usable: false, reason: expect.stringContaining('macOS') });
});

test('chooses programs anew, keeps the answers, and plans with a variant', async () => {
  const choose = (refuse: string) =>
    doctor(
      { env: { ...process.env, MAYFLY_SIM_FAULTS: JSON.stringify({ refuse: [refuse] }) } },
      ...['--choose', '--json', '--device', 'sim:m4,no-rules', '--seq', '32'],
    );
  const first = await choose('operation:softmax');
  expect(first.code).toBe(2);
  expect(first.stderr).toMatch(/got none: fused.*single \(compile: .*softmax/);
  const { code, stdout } = await choose('cycle-path');
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({
    ...{ code: 0, device: 'sim:m4,no-rules', model: 'tiny', weights: 'dynamic', batch: 8, seq: 32 },
    ...{ chosen: { attention: 'probabilities', feed_forward: 'fused', silu: 'sigmoid' } },
  });
  expect((await doctor()).stdout).toMatch(/^sim:m4,no-rules attention +probabilities .*; not fused: compile/m);
  const { lines } = await mayfly(['plan', '--model', 'tiny', '--variant', 'attention=sdpaBwd', '--weights', 'static']);
  expect(lines.join('\n')).toMatch(/programs +12 on 1 worker\n +of a layer, attention +1 \+ 3\n/);
  expect((await mayfly(['plan', '--variant', 'nonsense'])).code).toBe(2);
});

test('an announced instruction set that computes wrong is named here, and warned of where it would be used', async ({
  skip,
}) => {
  const env = modelledSets['amx that computes wrong, modelled'];
  if (env === undefined || askAddon(env, 'addon.isaFault()') === 'null') return skip('needs Linux and AVX512_BF16');
  const { lines } = await mayfly(['doctor'], { env });
  expect(lines.join('\n')).toMatch(/use avx512\n +AMX is announced, but its first product was wrong/);
  const { code, stderr } = await mayfly(['stress', '--steps', '1', '--json'], { env });
  expect(code).toBe(0);
  expect(stderr.match(/AMX is announced/g)).toHaveLength(1);
});

test('says that a device gives wrong results, and why one cannot be used', async () => {
  const wrong = await doctor('--device', chip('zeros', 119, 128, { evaluate: [{ fault: 'zeros', from: 1 }] }));
  expect(wrong).toMatchObject({ code: 1, stdout: expect.stringContaining('WRONG RESULTS') });
  const refusing = await doctor('--device', chip('refusing', 119, 128, { compile: [{ fault: 'error', from: 1 }] }));
  expect(refusing).toMatchObject({ code: 0, stdout: expect.stringContaining('not usable: ') });
  expect(await doctor('--device', 'sim:m99')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Expected a chip'),
  });
});

onEachRuntime((tier, runtime) => {
  const staged = join(folder, `staged-${tier}`);
  mkdirSync(staged, { recursive: true });
  const ane = (env: Record<string, string> = {}, ...options: string[]) =>
    doctor({ env: aneEnvironment(runtime, staged, env) }, ...options);

  test('reports every method of the framework and the results of the canaries', async () => {
    const counters = { MAYFLY_EMULATOR_IOREPORT: 'Energy Model||ANE0|mJ|5,AMC Stats|Perf Counters|DCS RD|B|9' };
    const { code, stdout, stderr } = await ane({ MAYFLY_EMULATOR_MISSING: '_ANEClient', ...counters });
    // On a slow machine it says what it is busy with.
    expect({ code, stderr: stderr.replaceAll(/^trying .*\n/gm, '') }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^framework +found; chip h16; core, chip, engine, attributes$/m);
    expect(stdout).toMatch(/^ {2}dialect +ios18$/m);
    expect(stdout).toMatch(/^ {2}reload of weight files +no effect$/m);
    expect(stdout).toMatch(/^ {2}not usable +\+\[_ANEClient sharedConnection\] is not there$/m);
    const isCounted = runtime === emulators[0]!.path;
    expect(stdout).toMatch(
      isCounted ? /^ {2}energy +ANE0; memory by AMC Stats$/m : /^ {2}energy +.*does not export IOReport/m,
    );
    expect(stdout).toMatch(/^device ane +right: /m);
    expect(stdout).toMatch(/^auto takes +ane$/m);
  });

  test('reports a canary that kills its process, and the rest of the report follows', async () => {
    const { code, stdout } = await ane({ MAYFLY_EMULATOR_FAULTS: 'compile@2=crash' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}canaries +Cannot run canaries on the Neural Engine: /m);
  });

  const limits = { MAYFLY_EMULATOR_COMPILE_LIMIT: '12', MAYFLY_EMULATOR_LIVE_LIMIT: '9' };
  /** Runs `body` with the engine of `env` in this process's environment. */
  const withEngine = async <Result>(env: Record<string, string>, body: () => Result | Promise<Result>) => {
    for (const [name, value] of Object.entries(aneEnvironment(runtime, staged, env))) vi.stubEnv(name, value);
    try {
      return await body();
    } finally {
      vi.unstubAllEnvs();
    }
  };
  /** The API and the budget of a pool on this machine. */
  const used = () =>
    withEngine({}, () => {
      const { aneApi, budget, deviceReason } = resolvePoolOptions({ device: 'ane' });
      return { aneApi, deviceReason, compilations: budget.compilations, livePrograms: budget.livePrograms };
    });
  const soon = { device: 'ane', paceMs: 0, settleMs: 0 };

  test('measures the limits of both APIs, keeps them, and has pools use the better one', async () => {
    const before = { aneApi: 'in-memory', deviceReason: 'asked for', compilations: 100, livePrograms: 110 };
    expect(await used()).toEqual(before);
    const stages = new Set<string>();
    const onProgress = (stage: string, _: number, api: string | null) => stages.add(`${api} ${stage}`);
    expect(await withEngine(limits, () => probeLimits({ ...soon, ceiling: 15, onProgress }))).toMatchObject({
      apis: [
        {
          ...{ api: 'in-memory', liveLimit: 'slots' },
          ...{ compilations: { count: 12, end: 'refused' }, livePrograms: { count: 9, end: 'refused' } },
        },
        {
          ...{ api: 'client', liveLimit: 'slots' },
          ...{ compilations: { count: 15, end: 'ceiling' }, livePrograms: { count: 9, end: 'refused' } },
        },
      ],
      better: 'client',
    });
    expect([...stages].sort()).toEqual([
      ...['client compilations', 'client live programs'],
      ...['in-memory compilations', 'in-memory live programs'],
    ]);
    const deviceReason = 'asked for; API client: it has the higher limits here';
    expect(await used()).toEqual({ aneApi: 'client', deviceReason, compilations: Infinity, livePrograms: 8 });
    expect((await ane()).stdout).toMatch(/API client\n +measured: 15 compilations, 9 loaded programs/);
    expect(readdirSync(staged).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  test('has pools use the default where the client does not work any more', async () => {
    await withEngine({ MAYFLY_EMULATOR_COMPILE_LIMIT: '1' }, () => probeLimits({ ...soon, ceiling: 2 }));
    expect(await used()).toMatchObject({ aneApi: 'client' });
    const { code, stdout } = await ane(
      { ...limits, MAYFLY_EMULATOR_MISSING: '_ANEModel' },
      ...['--probe-limits', '--ceiling', '3'],
    );
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('pools use API in-memory') });
    expect(stdout).toMatch(/API client\s+compilations, each unloaded +0 \(trouble: .*\)\s+nothing was kept/);
    expect(await used()).toMatchObject({ aneApi: 'in-memory' });
  });

  test('keeps nothing of an engine in trouble, and probes no further', async () => {
    const faults = { MAYFLY_EMULATOR_FAULTS: 'compile@3=crash' };
    const { code, stdout } = await ane(faults, '--probe-limits', '--json');
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 1, apis: [{ api: 'in-memory', file: null }] });
    expect(await used()).toMatchObject({ aneApi: 'in-memory', compilations: 100 });
  });
});

test('an interrupted probe keeps nothing and says so with its exit code', async () => {
  const device = chip('hanging', 119, 128, { teardownMs: 50 });
  const child = spawn(process.execPath, [cli, 'doctor', '--probe-limits', '--device', device]);
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    // It says how far it is once it has taken two seconds.
    if (told === '') child.kill('SIGINT');
    told += text;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(130);
  expect(told).toMatch(/compilations \d+ of 400\n(.*\n)*mayfly: interrupted\n$/);
  expect(readMachineLimits(device)).toBeNull();
});

test('a probed process that does not become ready is ended at its deadline', async () => {
  const device = chip('never-ready', 119, 128, { open: [{ fault: 'hang' }] });
  const arena = new Arena(4096);
  const worker = new ProbeWorker(arena, device);
  await expect(worker.ready(200)).rejects.toMatchObject({ code: 'ERR_WORKER_LOST' });
  await worker.end(200);
  arena.close();
});
