import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, type ModelConfig, type PoolOptions, presets, type TrainOptions } from '@mayfly/core';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = join(folder, 'text');
const text = 'Once upon a time a mayfly lived for a day, and trained a model. '.repeat(200);
writeFileSync(data, text);

const cpu: PoolOptions = { device: 'cpu', threads: 1 };
const small = { tokenizer: 'bytes', batch: 2, seq: 16, steps: 3, lr: 0.01, hostThreads: 1, pool: cpu } as const;

async function losses(options: TrainOptions) {
  await using trainer = await createTrainer(options);
  const found: number[] = [];
  for await (const { loss } of trainer.steps()) found.push(loss);
  const { compilations } = trainer.pool.stats();
  return {
    found,
    compilations,
    workers: trainer.pool.workers,
    note: trainer.workersNote,
    digest: trainer.parametersDigest(),
  };
}

describe('adapters', () => {
  test('begin with the bits of the model without them, and change alone', async () => {
    const whole = await losses({ ...small, data, steps: 1 });
    for (const weights of ['static', 'dynamic'] as const) {
      const adapted = await losses({ ...small, data, weights, lora: { rank: 4 } });
      expect(adapted.found[0]).toBe(whole.found[0]);
      expect(adapted.found[2]).toBeLessThan(adapted.found[0]! - 0.01);
    }
  });

  test('a run with dropout goes on after a resume as if it had not ended', async () => {
    const options = {
      ...small,
      data,
      accumulate: 2,
      lora: { rank: 4, dropout: 0.3, targets: ['q_proj', 'down_proj'] },
    };
    const whole = await losses({ ...options, steps: 5 });
    const out = join(folder, 'run');
    const first = await losses({ ...options, steps: 2, out });
    const rest = await losses({ resume: out, data, steps: 5, pool: cpu });
    expect([...first.found, ...rest.found]).toEqual(whole.found);
    expect(rest.digest).toBe(whole.digest);
    const without = await losses({ ...options, steps: 5, lora: { ...options.lora, dropout: 0 } });
    expect(without.found).not.toEqual(whole.found);
  });

  test('of a matrix that is not there are refused with the names of those that are', async () => {
    const given = createTrainer({ ...small, data, lora: { targets: ['c_attn'] } });
    await expect(given).rejects.toThrow(/q_proj or wq, .*down_proj or w2.*got `c_attn`/);
  });

  test('cannot become others when a run is resumed', async () => {
    const out = join(folder, 'other');
    await losses({ ...small, data, out, lora: { rank: 4 } });
    await expect(createTrainer({ resume: out, pool: cpu, lora: { rank: 8 } })).rejects.toThrow(
      /Expected lora to be .*"rank":4/,
    );
  });
});

describe('a model whose programs exceed what one process may load', () => {
  const deep: ModelConfig = { ...presets.tiny, dim: 16, hidden: 32, heads: 2, kvHeads: 1, headDim: 8, layers: 36 };
  const options = { ...small, model: deep, seq: 8, steps: 4, lora: { rank: 2 } } as const;

  test('trains on as many workers as that demands, with the bits of one worker, also where one is killed', async () => {
    const one = await losses({ ...options, data, pool: { ...cpu, budget: { compilations: 200, livePrograms: 200 } } });
    expect(one).toMatchObject({ workers: 1, note: null, compilations: 144 });
    const pool = { device: 'sim:m4,no-rules', threads: 1 };
    const spread = await losses({ ...options, data, pool });
    expect(spread).toMatchObject({ workers: 2, compilations: 144, digest: one.digest });
    expect(spread.found).toEqual(one.found);
    expect(spread.note).toMatch(/^2, since the model has 144 programs, and one process may have 100/);

    await using trainer = await createTrainer({ ...options, data, pool });
    const found: number[] = [];
    for await (const { loss, step } of trainer.steps()) {
      found.push(loss);
      const { pid } = trainer.pool.stats().workers.find(({ kernels }) => kernels > 0)!;
      if (step === 2) process.kill(pid, 'SIGKILL');
    }
    expect(found).toEqual(one.found);
    expect(trainer.pool.stats().compilations).toBeGreaterThan(144);
  });

  test('puts neighbouring layers on one worker, where passes are in flight, with the bits of one pass after the other', async () => {
    const given = { ...options, data, accumulate: 4, steps: 2 };
    const one = await losses({ ...given, pool: { ...cpu, budget: { compilations: 200, livePrograms: 200 } } });
    const pool = { device: 'sim:m4,no-rules', threads: 1, standby: 0 };
    await using trainer = await createTrainer({ ...given, inFlight: 2, pool });
    const found: number[] = [];
    for await (const { loss } of trainer.steps()) found.push(loss);
    expect(found).toEqual(one.found);
    expect(trainer.parametersDigest()).toBe(one.digest);
    const workers = new Map<number, Set<number | null>>();
    for (const { name, worker } of trainer.pool.stats().kernels) {
      const layer = Number(/\d+/.exec(name)![0]);
      const half = layer < deep.layers / 2 ? 0 : 1;
      workers.set(half, (workers.get(half) ?? new Set()).add(worker));
    }
    const [first, second] = [workers.get(0)!, workers.get(1)!];
    expect([first.size, second.size]).toEqual([1, 1]);
    expect([...first]).not.toEqual([...second]);
  });

  test.each(['dynamic', 'static'] as const)('trains on a chip whose rules are on, %s weights', async (weights) => {
    const given = { ...options, model: { ...deep, layers: 2 }, data, weights, batch: 2, seq: 16, steps: 2 };
    const expected = await losses(given);
    const found = await losses({ ...given, pool: { device: 'sim:m4', threads: 1 } });
    expect({ found: found.found, digest: found.digest }).toEqual({ found: expected.found, digest: expected.digest });
  });

  test('is an error for fewer workers that were asked for', async () => {
    const given = createTrainer({ ...options, data, pool: { device: 'sim:m4,no-rules', workers: 1 } });
    await expect(given).rejects.toMatchObject({ code: 'ERR_BUDGET' });
  });
});
