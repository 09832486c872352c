import { presets } from '@mayfly/core/model';
import { exchangedBytes, links, planRanks, planTraining } from '@mayfly/core/testing';
import { loadProfile } from '@mayfly/native';
import { describe, expect, test } from 'vitest';

const options = {
  config: presets.stories15m,
  profile: loadProfile('m4'),
  weights: 'dynamic',
  batch: 1,
  sequence: 64,
  accumulate: 2,
} as const;
const plan = planTraining(options);
const fast = { bandwidth: 1e6, latency: 0 };

describe('several ranks', () => {
  test('one rank has the plan of one process, and sends nothing', () => {
    const [one] = planRanks(options, fast, { numbers: [1] });
    expect(one).toMatchObject({
      ranks: 1,
      total: plan.step.total,
      exchange: 0,
      exposed: 0,
      sentBytes: 0,
      efficiency: 1,
    });
    expect(one!.tokensPerSecond).toBeCloseTo((1000 * plan.tokensPerStep) / plan.step.total, 6);
  });

  test('each sends 2 (n − 1) / n of the gradients', () => {
    const bytes = 4 * plan.parameters;
    expect(planRanks(options, fast, { numbers: [2, 3, 8] }).map(({ sentBytes }) => sentBytes)).toEqual([
      // With loss and votes to each other rank.
      bytes + 24,
      expect.closeTo((4 / 3) * bytes + 48, -4),
      expect.closeTo((14 / 8) * bytes + 168, -4),
    ]);
    expect(exchangedBytes(100, 4)).toBe(150);
  });

  test('a slow link hides at most the last backward pass, a latency counts for every bucket', () => {
    const [slow] = planRanks(options, { bandwidth: 1e-3, latency: 0 }, { numbers: [2] });
    const { kernels, copies, weightGradients } = plan.step;
    expect(slow!.exchange).toBeCloseTo((slow!.sentBytes - 24) / 1e3, 6);
    expect(slow!.exposed).toBeLessThan(slow!.exchange);
    expect(slow!.exchange - slow!.exposed).toBeLessThan(kernels + copies + weightGradients);
    const [quick, late] = [0, 1000].map(
      (latency) => planRanks(options, { bandwidth: 1e-3, latency }, { numbers: [4] })[0]!,
    );
    const messages = late!.exchange - quick!.exchange;
    // Agreeing, shares and three neighbours, for each of at most eight buckets.
    expect(messages / 6).toBeCloseTo(Math.round(messages / 6), 6);
    expect(messages).toBeGreaterThanOrEqual(6 * 4);
    expect(messages).toBeLessThanOrEqual(6 * 8);
  });

  test('with a sharded optimizer sums are at their owners alone, who give back what they have updated, beside the next forward pass', () => {
    const sizes = [1, 2, 4];
    const [whole, shared] = [false, true].map((sharded) => planRanks(options, fast, { numbers: sizes, sharded }));
    expect(shared![0]).toEqual(whole![0]);
    for (const [index, { ranks, sentBytes }] of shared!.entries()) {
      if (ranks === 1) continue;
      // Of four, rank 0 has the table of embeddings, and sends it to the others.
      expect(sentBytes).toBeGreaterThan(whole![index]!.sentBytes);
    }
    const slow = { bandwidth: 1e-3, latency: 0 };
    const [one, two] = [false, true].map((sharded) => planRanks(options, slow, { numbers: [2], sharded })[0]!);
    // The table, most of the parameters, has one owner: its link carries it alone, in both directions in turn.
    const table = 4 * options.config.vocab * options.config.dim;
    expect(two!.exchange).toBeGreaterThan(table / 1e3);
    expect(two!.gather).toBeGreaterThan(table / 1e3);
    expect(two!.exchange + two!.gather).toBeGreaterThan(one!.exchange);
    expect(two!.exchange + two!.gather).toBeLessThan(2 * one!.exchange);
    expect(two!.exposed).toBeLessThan(two!.exchange + two!.gather);
  });

  test('ranks of a faster link are nearer to perfect, more passes for each hide more', () => {
    const efficiency = (link: keyof typeof links, more = {}) =>
      planRanks({ ...options, ...more }, speedOf(link), { numbers: [4] })[0]!.efficiency;
    expect(efficiency('jaccl')).toBeGreaterThan(efficiency('10gbe'));
    expect(efficiency('10gbe')).toBeGreaterThan(efficiency('ethernet'));
    expect(efficiency('ethernet', { accumulate: 32 })).toBeGreaterThan(efficiency('ethernet'));
  });
});

function speedOf(name: keyof typeof links) {
  const { bandwidth, latency } = links[name];
  return { bandwidth: bandwidth.value, latency: latency.value };
}
