import { createPool, type Kernel, type Pool } from '@mayfly/core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { onEachRuntime } from '../../fixtures/ane-emulator.js';
import { lintExamples } from '../../fixtures/lint-examples.js';
import { clean } from '../../fixtures/lint-text.js';
import { addWeightProgram, scaleProgram, weightBlob } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

// What is wrong with a program is no worker's fault, and no other program's.
const N = 64;
const folder = temporaryFolder();
afterEach(() => vi.unstubAllEnvs());

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error: Error & { code: string }) => error.code,
  );

/** Evaluates a kernel on tensors of its own. */
const evaluate = (pool: Pool, kernel: Kernel) => {
  const tensors = (ports: Kernel['inputs']) => ports.map(({ dtype, shape }) => pool.arena.tensor(dtype, shape));
  return kernel.run(tensors(kernel.inputs), tensors(kernel.outputs));
};

/** 64 × 64 zeros in fp16, where the examples have their weights. */
const zeros = weightBlob(Array(32 * 64).fill(0));
new DataView(zeros.buffer).setUint32(68, 1, true);
const weights = { '@model_path/weights/weight.bin': zeros };

const costs = (pool: Pool) => {
  const { workersStarted, retirements, deaths, workers } = pool.stats();
  return { workersStarted, retirements, deaths, failures: workers.map(({ failures }) => failures) };
};

test('programs that break the rules of a simulated chip cost no worker, and stop no other kernel', async () => {
  await using pool = await createPool({ device: 'sim:m4' });
  const good = await pool.compile({ text: clean, weights });
  await evaluate(pool, good);
  const codes: string[] = [];
  for (const { text } of Object.values(lintExamples)) {
    const tried = pool.compile({ text, weights }).then(async (kernel) => {
      await evaluate(pool, kernel);
      await kernel.dispose();
    });
    codes.push(await codeOf(tried));
  }
  expect(codes.filter((code) => code === 'ERR_PROGRAM_REFUSED').length).toBeGreaterThan(10);
  expect(codes.filter((code) => !/^(ok|ERR_PROGRAM_REFUSED|ERR_MIL_\w+|ERR_WEIGHT_BLOB)$/.test(code))).toEqual([]);
  expect(costs(pool)).toEqual({ workersStarted: 2, retirements: 0, deaths: 0, failures: [0, 0] });
  await evaluate(pool, good);
});

onEachRuntime((_, runtime) => {
  test('texts and weight files that the compiler refuses cost no worker, and stop no other kernel', async () => {
    vi.stubEnv('MAYFLY_ANE_RUNTIME', runtime);
    vi.stubEnv('MAYFLY_EMULATOR_TEMPORARY', folder);
    vi.stubEnv('MAYFLY_EMULATOR_DIALECT', 'ios16');
    await using pool = await createPool({ device: 'ane', pacing: { settleMs: 0, failureMs: 0 } });
    const older = (text: string) => text.replace('ios18', 'ios16');
    const good = await pool.compile({ text: older(scaleProgram(N, 3)) });
    await evaluate(pool, good);
    for (let i = 0; i < 4; i++) {
      expect(await codeOf(pool.compile({ text: scaleProgram(N, 4 + i) }))).toBe('ERR_PROGRAM_REFUSED');
      const path = `../up/${i}.bin`;
      const text = older(addWeightProgram(N)).replace('@model_path/weights/w.bin', path);
      expect(await codeOf(pool.compile({ text, weights: { [path]: weightBlob(Array(N).fill(1)) } }))).toBe(
        'ERR_WEIGHT_BLOB',
      );
    }
    expect(costs(pool)).toEqual({ workersStarted: 2, retirements: 0, deaths: 0, failures: [0, 0] });
    await evaluate(pool, good);
  });
});

/** Programs of one operation each, by its name. */
const only = (operation: string, factor = 2) => scaleProgram(N, factor).replace('mul(', `${operation}(`);

/** A pool on a stand-in that refuses programs: a simulator, or device ane. */
function refusing(runtime: string | null, standby: number) {
  if (runtime !== null) {
    vi.stubEnv('MAYFLY_ANE_RUNTIME', runtime);
    vi.stubEnv('MAYFLY_EMULATOR_TEMPORARY', folder);
  }
  const device = runtime === null ? 'sim:m4,no-rules' : 'ane';
  return {
    refuse(...list: readonly string[]): void {
      if (runtime === null) vi.stubEnv('MAYFLY_SIM_FAULTS', JSON.stringify({ refuse: list }));
      else vi.stubEnv('MAYFLY_EMULATOR_REFUSE', list.join());
    },
    open: () => createPool({ device, standby, pacing: { settleMs: 0, failureMs: 0 } }),
  };
}

function onRefusingDevice(runtime: string | null): void {
  test('two programs that are refused, one at compilation and one at evaluation, stop no later one', async () => {
    const { refuse, open } = refusing(runtime, 1);
    refuse('operation:add', 'operation:sub@evaluate');
    await using pool = await open();
    for (let round = 0; round < 4; round++) {
      const before = pool.stats().compilations;
      expect(await codeOf(pool.compile({ text: only('add', round) }))).toBe('ERR_PROGRAM_REFUSED');
      expect(pool.stats().compilations - before, 'two workers tried it').toBe(2);
      const compiled = await pool.compile({ text: only('sub', round) });
      const failed = evaluate(pool, compiled);
      expect(await codeOf(failed)).toBe('ERR_PROGRAM_REFUSED');
      await expect(failed).rejects.toThrow(/0x1d/);
      await evaluate(pool, await pool.compile({ text: only('mul', round) }));
    }
    expect(costs(pool)).toEqual({ workersStarted: 2, retirements: 0, deaths: 0, failures: [0, 0] });
  });

  test.each([0, 1])(
    'programs that are refused on fresh workers keep no worker from leaving, with %s standby',
    async (standby) => {
      const { refuse, open } = refusing(runtime, standby);
      refuse('operation:log');
      await using pool = await open();
      const kernels = [];
      for (const operation of ['add', 'sub', 'mul']) kernels.push(await pool.compile({ text: only(operation) }));
      for (const kernel of kernels) await evaluate(pool, kernel);
      refuse('operation:add', 'operation:sub');
      // A standby was started before, and refuses nothing.
      for (let each = 0; each <= standby; each++) await pool.recycle();
      const codes = [];
      for (const kernel of kernels) codes.push(await codeOf(evaluate(pool, kernel)));
      expect(codes).toEqual(['ERR_PROGRAM_REFUSED', 'ERR_PROGRAM_REFUSED', 'ok']);
      await evaluate(pool, await pool.compile({ text: only('mul', 5) }));
    },
  );
}

describe('sim', () => onRefusingDevice(null));
onEachRuntime((_, runtime) => onRefusingDevice(runtime));
