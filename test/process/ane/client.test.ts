import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, type Kernel, type Pool } from '@mayfly/core';
import { expect, test } from 'vitest';
import {
  type AneReport,
  type AneRun,
  type AneStep,
  aneRunner,
  onEachRuntime,
  useRuntime,
} from '../../fixtures/ane-emulator.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { addWeightProgram, scaleProgram, weightBlob } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const N = 64;
const root = temporaryFolder();
const run = aneRunner();
const client = { MAYFLY_ANE_API: 'client' };
/** What opening the device costs: a canary of the dialect, two of the API, and one that is compiled already. */
const opening = { compilations: 3, loads: 4, evaluations: 3, unloads: 4 };

const addWeight = (value: number): AneStep => [
  'compile',
  { text: addWeightProgram(N), weight: [...weightBlob(Array(N).fill(value))] },
];
const coded = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });
const none = { models: 0, loaded: 0, surfaces: 0 };
/** Programs that the stand-in's service holds compiled. */
const held = (folder: string) => (existsSync(join(folder, '.aned')) ? readdirSync(join(folder, '.aned')) : []);

function expectClean({ stderr, report, exitCode, left }: AneRun) {
  expect({ stderr, exitCode, left, live: report?.live }).toEqual({ stderr: '', exitCode: 0, left: [], live: none });
}

onEachRuntime((tier, runtime) => {
  const ane = (steps: readonly AneStep[], env?: Record<string, string>, folder?: string) =>
    run(runtime, [['open'], ...steps, ['close']], { ...client, ...env }, folder);

  test('programs are compiled, loaded and evaluated through the client, without a trace', async () => {
    const folder = join(root, `trace-${tier}`);
    const steps: AneStep[] = [addWeight(10), ['evaluate', { x: 4 }], ['directories']];
    const result = await ane(steps, {}, folder);
    expect(result.results.slice(2, 4)).toEqual([
      { evaluate: [14] },
      { directories: [expect.stringMatching(/^[0-9A-F]{32}_[0-9A-F]{32}$/)] },
    ]);
    const { compilations, loads, evaluations, unloads } = opening;
    expect(result.report).toMatchObject({
      ...{ compilations: compilations + 1, loads: loads + 1 },
      ...{ evaluations: evaluations + 1, unloads: unloads + 1 },
    });
    expectClean(result);
    expect(held(folder)).toEqual([]);
  });

  test('only loaded programs have a limit', async () => {
    const texts = Array.from({ length: 128 }, (_, i) => scaleProgram(N, i + 1));
    const result = await ane([
      ['compileMany', { texts }],
      ['compileMany', { texts: texts.slice(0, 127), keep: true }],
      ['compileMany', { texts: texts.slice(127), keep: true }],
    ]);
    expect(result.results.slice(1, 3)).toEqual([{ compileMany: 128 }, { compileMany: 127 }]);
    expect(result.results[3]).toMatchObject({
      compileMany: { code: 'ERR_DEVICE_LIMIT', limit: 'livePrograms', message: expect.stringContaining('0x50004') },
    });
    expectClean(result);
  });

  test('a program that is compiled already is loaded; one that does not load is compiled', async () => {
    const twice: AneStep[] = [addWeight(1), addWeight(1), ['evaluate', { program: 1, x: 1 }], ['stats']];
    const connected = await ane(twice);
    expect(connected.results[4]).toMatchObject({ stats: { compilations: 1, livePrograms: 2 } });
    expect(connected.report).toMatchObject({
      compilations: opening.compilations + 1,
      loads: opening.loads + 2,
    });
    expectClean(connected);
    const first = opening.loads + 2;
    const faults = { MAYFLY_EMULATOR_FAULTS: `load@${first}=error:0x20004,load@${first + 1}=error:0x20004` };
    const recompiled = await ane(twice, faults);
    expect(recompiled.results[3]).toEqual({ evaluate: [2] });
    expect(recompiled.results[4]).toMatchObject({ stats: { compilations: 2, livePrograms: 2 } });
    expectClean(recompiled);
  });

  test('the API is proved before it is used', async () => {
    const zeros = await ane([], { MAYFLY_EMULATOR_FAULTS: 'evaluate@3=zeros' });
    const what = 'API client and a program that is compiled already';
    expect(zeros.results[0]).toEqual({ open: coded('ERR_ANE_PATH', `Expected 6 of the canary with ${what}, got 0`) });
    for (const method of ['_ANEModel', '-[_ANEClient loadModel:options:qos:error:]']) {
      const missing = await ane([], { MAYFLY_EMULATOR_MISSING: method });
      expect(missing.results[0]).toEqual({ open: coded('ERR_ANE_PATH', method) });
    }
    const wide = await ane([], { MAYFLY_EMULATOR_WIDE: 'compileModel:options:qos:error:' });
    expect(wide.results[0]).toEqual({ open: coded('ERR_ANE_PATH', 'b@@ip (it has b@@qp') });
  });

  test('its errors are those of the other API', async () => {
    const [compiles, evaluates, unloads] = [opening.compilations, opening.evaluations, opening.unloads].map(
      (n) => n + 1,
    );
    const compile = await ane([addWeight(1)], { MAYFLY_EMULATOR_FAULTS: `compile@${compiles}=error:4` });
    expect(compile.results[1]).toEqual({ compile: coded('ERR_ANE_COMPILE', 'ANECCompile() FAILED') });
    const faults = `evaluate@${evaluates}=error:0x1d,unload@${unloads}=exception`;
    const evaluate: AneStep = ['evaluate', { x: 1 }];
    const other = await ane([addWeight(1), evaluate, evaluate, ['unload']], { MAYFLY_EMULATOR_FAULTS: faults });
    expect(other.results[2]).toEqual({ evaluate: coded('ERR_ANE_EVALUATE', 'the request was refused') });
    expect(other.results[3]).toEqual({ evaluate: [2] });
    expect(other.stderr).toMatch(/^mayfly: Expected unloadModel:options:qos:error: to return, got [^\n]*\n$/);
    expect(other.left).toEqual([]);
  });

  test('the next process removes the folders of a killed one', async () => {
    const folder = join(root, `killed-${tier}`);
    const killed = await run(runtime, [['open'], addWeight(1), ['die']], client, folder);
    expect(killed.left).toHaveLength(1);
    const successor = await ane([['directories'], addWeight(1), ['evaluate', { x: 1 }]], {}, folder);
    expect(successor.results[1]).toEqual({ directories: [] });
    expect(successor.results[3]).toEqual({ evaluate: [2] });
    expectClean(successor);
    expect(held(folder)).toEqual([]);
  });

  test('a folder that cannot be written is one error that names the file', async () => {
    // More than the surfaces of the stand-in, which are files to the system.
    const most = 2 ** 16;
    const weight = [...weightBlob(Array(N).fill(1))];
    const large: AneStep = ['compile', { text: addWeightProgram(N), weight, bytes: most + 1 }];
    const result = await ane([['fileSize', { bytes: most }], large, addWeight(2), ['evaluate', { x: 1 }]]);
    expect(result.results[2]).toEqual({ compile: coded('ERR_ANE_STAGING', 'weights/w.bin, got: File too large') });
    expect(result.results[4]).toEqual({ evaluate: [3] });
    expectClean(result);
  });

  const { staged, reports } = useRuntime(tier, runtime, root);

  /** Updates a kernel so many times, and checks each tenth generation. */
  async function update(pool: Pool, kernel: Kernel, updates: number) {
    const x = pool.arena.tensor('fp32', [1, N]);
    const y = pool.arena.tensor('fp32', [1, N]);
    x.array().fill(1);
    for (let generation = 1; generation <= updates; generation++) {
      await kernel.update({ '@model_path/weights/w.bin': weightBlob(Array(N).fill(generation)) });
      if (generation % 10 !== 0) continue;
      await kernel.run(x, y);
      expect(y.array()[N - 1]).toBe(generation + 1);
    }
  }
  const weights = { '@model_path/weights/w.bin': weightBlob(Array(N).fill(0)) };

  const updates = fullProduct && tier === 'T1' ? 2000 : 300;
  test(`${updates} updates of static weights retire no worker`, async () => {
    process.env.MAYFLY_ANE_API = 'client';
    {
      await using pool = await createPool({ device: 'ane', standby: 0 });
      const kernel = await pool.compile({ text: addWeightProgram(N), weights });
      await update(pool, kernel, updates);
      const { retirements, workersStarted, workers } = pool.stats();
      expect({ retirements, workersStarted }).toEqual({ retirements: 0, workersStarted: 1 });
      expect(workers[0]).toMatchObject({
        api: 'client',
        compilations: updates + 1,
        budget: { compilations: Infinity },
      });
    }
    const [report] = readdirSync(reports).map((name) => JSON.parse(readFileSync(join(reports, name), 'utf8')));
    expect((report as AneReport).live).toEqual(none);
    expect([readdirSync(staged).filter((name) => !name.startsWith('.')), held(staged)]).toEqual([[], []]);
  });

  test('through the other API, workers retire before the compiler gives out', async () => {
    await using pool = await createPool({ device: 'ane', standby: 1 });
    const kernel = await pool.compile({ text: addWeightProgram(N), weights });
    await update(pool, kernel, 250);
    const { retirements, deaths, workers } = pool.stats();
    expect({ retirements, deaths }).toEqual({ retirements: 2, deaths: 0 });
    expect(workers[0]).toMatchObject({ api: 'in-memory', budget: { compilations: 100 } });
  });

  test('other limits retire workers, and a move to another worker costs no compilation', async () => {
    await using pool = await createPool({
      ...{ device: 'ane', standby: 1, env: { ...process.env, ...client } },
      budget: { evaluations: 10 },
    });
    const reasons: string[] = [];
    pool.on('workerRetire', ({ reason }) => reasons.push(reason));
    const kernel = await pool.compile({ text: addWeightProgram(N), weights });
    const x = pool.arena.tensor('fp32', [1, N]);
    const y = pool.arena.tensor('fp32', [1, N]);
    while (reasons.length < 2) await kernel.run(x, y);
    expect(reasons.slice(0, 2)).toEqual(['evaluations', 'evaluations']);
    expect(pool.stats().compilations).toBe(1);
  });
});
