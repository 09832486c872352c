import { createPool, type Kernel, type Pool, TokenArray, type TrainOptions } from '@mayfly/core';
import { expect, test } from 'vitest';
import { onEachRuntime, useRuntime } from '../../fixtures/ane-emulator.js';
import { smallConfig, smallTokens } from '../../fixtures/small-model.js';
import { fingerprint, runTraining } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const [ROWS, N] = [4, 64];
const BYTES = 4 * ROWS * N;

/** y = x · 2 over fp32 [ROWS, N]. */
const text = `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]
{
    func main<ios18>(tensor<fp32, [${ROWS}, ${N}]> x) {
        fp32 f = const()[name = string("f"), val = fp32(2)];
        tensor<fp32, [${ROWS}, ${N}]> y = mul(x = x, y = f)[name = string("y")];
    } -> (y);
}
`;

async function open(): Promise<{ readonly pool: Pool; readonly kernel: Kernel }> {
  const pool = await createPool({ device: 'ane', workers: 1, standby: 0 });
  return { pool, kernel: await pool.compile({ text }) };
}

/** Runs the kernel over so many inputs, sent at once: what each put out, and how often leading rows were announced. */
async function runAll({ pool, kernel }: Awaited<ReturnType<typeof open>>, count: number, leadingRows?: number) {
  const tensors = Array.from({ length: count }, () =>
    [0, 1].map(() => pool.arena.tensor('fp32', [ROWS, N])),
  ) as ReturnType<typeof pool.arena.tensor<'fp32'>>[][];
  let announced = 0;
  const runs = tensors.map(async ([x, y], index) => {
    x!.array().fill(index + 1);
    y!.array().fill(-1);
    const onLeadingRows = () => {
      announced += 1;
      expect([...y!.array().subarray(0, leadingRows! * N)]).toEqual(Array(leadingRows! * N).fill(2 * (index + 1)));
    };
    await kernel.run(x!, y!, { reuse: { freshColumns: N, generation: 0, leadingRows }, onLeadingRows });
    return [...new Set(y!.array())];
  });
  const values = await Promise.all(runs);
  return { values, announced };
}

const expected = (count: number) => Array.from({ length: count }, (_, index) => [2 * (index + 1)]);

onEachRuntime((tier, runtime) => {
  useRuntime(tier, runtime, folder);

  test.each([
    ['no leading rows', 0, 0, BYTES],
    ['some', 1, 8, (BYTES * 3) / 4],
    ['as many as there are', ROWS, 0, 0],
  ])('an output with %s is complete when its run is', async (_name, leadingRows, announced, pending) => {
    const { pool, kernel } = await open();
    await using _ = pool;
    expect(await runAll({ pool, kernel }, 8, leadingRows)).toEqual({ values: expected(8), announced });
    expect([kernel.copiedBytes, kernel.prefetchedBytes]).toEqual([8 * (2 * BYTES - pending), 8 * pending]);
  });

  test('a program that is unloaded, and a pool that is closed, leave no output half copied', async () => {
    const { pool, kernel } = await open();
    const run = runAll({ pool, kernel }, 3, 0);
    await run;
    await kernel.dispose();
    const again = await pool.compile({ text });
    const last = runAll({ pool, kernel: again }, 3, 2);
    await Promise.all([expect(last).resolves.toMatchObject({ values: expected(3) }), pool.close()]);
  });

  test.each([
    ['an engine that lets one thread lock surfaces', { MAYFLY_EMULATOR_LOCKS: 'evaluating' }],
    ['a user who forbids it', { MAYFLY_ANE_PREFETCH: 'off' }],
  ])('outputs are copied at once with %s', async (_name, env) => {
    Object.assign(process.env, env);
    const { pool, kernel } = await open();
    await using _ = pool;
    expect(await runAll({ pool, kernel }, 3, 1)).toEqual({ values: expected(3), announced: 0 });
    expect(kernel.prefetchedBytes).toBe(0);
  });

  test('an engine that stops to allow it gets all outputs copied at once', async () => {
    Object.assign(process.env, { MAYFLY_ANE_PREFETCH: 'on', MAYFLY_EMULATOR_LOCKS: 'evaluating' });
    const { pool, kernel } = await open();
    await using _ = pool;
    for (const leadingRows of [1, 0, 2]) {
      expect((await runAll({ pool, kernel }, 3, leadingRows)).values).toEqual(expected(3));
    }
    expect(pool.stats().workers.map(({ id }) => id)).toContain(1);
  });

  test.each([
    ['retire', { budget: { evaluations: 20 } }],
    ['are killed', { attempts: 50, chaos: { faults: { kill: 0.05 }, seed: 2 } }],
  ])('workers that %s with outputs pending lose none', async (_name, options) => {
    const pacing = { failureMs: 0, settleMs: 0 };
    await using pool = await createPool({ device: 'ane', workers: 1, standby: 1, pacing, ...options });
    let exits = 0;
    pool.on('workerExit', () => {
      exits += 1;
    });
    const kernel = await pool.compile({ text });
    for (let round = 0; round < 5; round++) {
      expect((await runAll({ pool, kernel }, 16, round % 2)).values).toEqual(expected(16));
    }
    expect(exits).toBeGreaterThan(0);
  });

  test.each([
    // Two chunks of classes, whose logits one program puts out.
    ['weights that are inputs', { weights: 'dynamic', vocab: 9001, classifier: 'device', weightGradients: 'device' }],
    [
      'weights that are constants',
      { weights: 'static', vocab: 64, classifier: 'host', weightGradients: 'feedForward' },
    ],
  ] as const)(
    'training with %s has the same bits, whether outputs are copied beside evaluations or not, on workers that die, too',
    async (_name, { vocab, ...options }) => {
      const data = new TokenArray(
        Uint16Array.from(smallTokens(600, 64), (id) => (vocab === 64 ? id : id * 140)),
        'tokens',
      );
      const run = (pool: TrainOptions['pool']) =>
        runTraining({
          ...{ data, model: { ...smallConfig, headDim: 6, vocab }, hostThreads: 1, ...options },
          ...{ batch: 1, seq: 16, accumulate: 2, steps: 2, lr: 3e-3 },
          variant: 'attention=fused,feedForward=fused,silu=sigmoid,rope=slice,split=1',
          pool: { device: 'ane', standby: 1, pacing: { failureMs: 0, settleMs: 0 }, ...pool },
        });
      process.env.MAYFLY_ANE_PREFETCH = 'off';
      const reference = fingerprint(await run({}));
      process.env.MAYFLY_ANE_PREFETCH = 'on';
      expect(fingerprint(await run({ workers: 2 }))).toEqual(reference);
      const chaos = { faults: { kill: 0.02 }, seed: 3 };
      const killed = await run({ attempts: 50, chaos });
      expect(fingerprint(killed)).toEqual(reference);
      expect(killed.summary.workerDeaths).toBeGreaterThan(0);
    },
  );
});
