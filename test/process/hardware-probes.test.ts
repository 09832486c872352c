import { createPool, loadProfile, timeMil } from '@mayfly/core';
import { expect, test } from 'vitest';
import { runProbe } from '../../packages/core/src/chips/hardware-probes.js';
import { convolution } from '../../packages/core/src/chips/probe-programs.js';

test('a probe measures what the clock of a simulated chip says', async () => {
  await using pool = await createPool({ device: 'sim:m4,clock' });
  const lines = await runProbe('ane-dispatch', pool, 1);
  expect(lines.map(({ what }) => what)).toEqual([64, 128, 256, 512, 1024, 2048].map((n) => `64 → 64, columns ${n}`));
  const { evaluateUs, flops } = timeMil(convolution(64, 64, 2048).text, loadProfile('m4'));
  const last = lines.at(-1)!;
  expect(last.flops).toBe(flops);
  // Histograms keep three digits.
  expect(last.evaluateUs! / evaluateUs).toBeCloseTo(1, 2);
  expect(last.teraflops! / (flops / evaluateUs / 1e6)).toBeCloseTo(1, 2);
});

test('int8 weights and activations are as much faster as the chip makes them', async () => {
  await using pool = await createPool({ device: 'sim:m5,clock' });
  const [fp16, int8] = await runProbe('ane-int8', pool, 1);
  expect([fp16!.reason, int8!.reason]).toEqual(['', '']);
  expect(int8!.flops).toBe(2 * 64 * 512 * 512 * 64);
  expect(int8!.evaluateUs!).toBeLessThan(fp16!.evaluateUs!);
});
