import { createTrainer, type TrainOptions } from '@mayfly/core';
import { describe, expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { data, flags, run, small } from '../../fixtures/run-folder.js';
import { smallConfig } from '../../fixtures/small-model.js';
import { fingerprint } from '../../fixtures/small-run.js';

/** Five layers, so that blocks share what is not kept. */
const deep = { ...small, model: { ...smallConfig, vocab: 200, layers: 5 }, out: undefined, hostThreads: 2 } as const;

describe('recompute', () => {
  test.each<TrainOptions>([
    {},
    { accumulate: 3 },
    { variant: 'small' },
    { freeze: ['embedding', 0, 1] },
    { hostThreads: 0, pool: { standby: 1, workers: 2, budget: { evaluations: 25 } } },
  ])('gives the same bits in less memory: %j', async (options) => {
    const kept = await run({ ...deep, ...options });
    const again = await run({ ...deep, ...options, recompute: true });
    expect(fingerprint(again)).toEqual(fingerprint(kept));
    expect(again.summary.dispatches).toBeGreaterThan(kept.summary.dispatches);
  });

  test('needs less of the arena, and reads taps once a pass', async () => {
    const arena = async (recompute: boolean) => {
      await using trainer = await createTrainer({ ...deep, recompute, steps: 1 });
      const tap = trainer.tap(1, 'attn');
      await trainer.train();
      return { bytes: trainer.pool.arena.bytes, values: tap.values() };
    };
    const [kept, again] = [await arena(false), await arena(true)];
    expect(again.bytes).toBeLessThan(kept.bytes);
    expect(again.values).toEqual(kept.values);
  });

  test('is an error with static weights', async () => {
    await expect(createTrainer({ ...deep, weights: 'static', recompute: true })).rejects.toThrow('with static weights');
  });
});

describe('memory', () => {
  test('is printed without starting the run', async () => {
    const ended = await mayfly(['train', ...flags, '--memory', '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '', lines: { length: 1 } });
    const { parameters, gradients, moments, surfaces, workers, main_process, total, limit } = JSON.parse(
      ended.lines[0]!,
    );
    expect(gradients).toBe(parameters);
    expect(moments).toBe(2 * parameters);
    expect(total).toBe(parameters + gradients + moments + surfaces + workers + main_process);
    expect(limit).toBeGreaterThan(total);
    await using trainer = await createTrainer({ ...small, data });
    // An arena is whole pages.
    const rest = trainer.pool.arena.bytes - (parameters + gradients + moments + surfaces);
    expect(rest).toBeGreaterThanOrEqual(0);
    expect(rest).toBeLessThan(65_536);
    const muon = await mayfly(['train', ...flags, '--memory', '--optimizer', 'muon', '--accumulate', '4', '--json']);
    const less = JSON.parse(muon.lines[0]!);
    expect(less.moments).toBeLessThan(moments);
    expect(less.gradients).toBeGreaterThan(2 * gradients);
    const shown = await mayfly(['train', ...flags, '--memory']);
    expect(shown.lines.map((line) => line.split(/ {2,}/)[0])).toEqual([
      'parameters',
      'gradients',
      'moments',
      'surfaces: activations and weights',
      'workers, about',
      'main process, about',
      'total',
      'memory of this machine',
    ]);
  });

  test('of ranks that share the moments out is said by one of them, with its share', async () => {
    const words = ['train', ...flags, '--shard-optimizer', '--memory'];
    const environment = (rank: number) => ({ OMPI_COMM_WORLD_SIZE: '2', OMPI_COMM_WORLD_RANK: `${rank}` });
    const whole = JSON.parse((await mayfly([...words, '--json'])).lines[0]!);
    const first = await mayfly([...words, '--json'], { env: environment(0) });
    const { moments, parameters, ranks } = JSON.parse(first.lines[0]!);
    expect(ranks).toBe(2);
    expect(parameters).toBe(whole.parameters);
    expect(moments / whole.moments).toBeGreaterThan(0.3);
    expect(moments / whole.moments).toBeLessThan(0.7);
    const text = await mayfly(words, { env: environment(0) });
    expect(text.lines.at(-1)).toBe('of each of 2 ranks');
    expect(await mayfly(words, { env: environment(1) })).toMatchObject({ code: 0, lines: [], stderr: '' });
  });

  test('that the machine does not have is refused before anything starts', async () => {
    const model = {
      ...smallConfig,
      dim: 16_384,
      hidden: 65_536,
      heads: 128,
      kvHeads: 128,
      headDim: 128,
      layers: 120,
      vocab: 200,
    };
    await expect(createTrainer({ ...small, model, out: undefined })).rejects.toMatchObject({
      code: 'ERR_MEMORY',
      message: expect.stringMatching(
        /^Expected a run that fits into .* GiB of memory, got one .*parameters \d+\.\d GiB.*--recompute/,
      ),
    });
  });
});
