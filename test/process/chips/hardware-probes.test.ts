import { loadProfile, timeMil } from '@mayfly/core/chips';
import { convolution, runProbe } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

test("a probe measures the times of a simulated chip's clock", async () => {
  const told: string[] = [];
  const onProgress = (what: string, index: number, count: number) => told.push(`${index} ${count} ${what}`);
  const lines = await runProbe('ane-dispatch', { device: 'sim:m4,clock', repeat: 1, onProgress });
  expect(told[1]).toBe('1 6 64 → 64, columns 128');
  expect(lines.map(({ what }) => what)).toEqual([64, 128, 256, 512, 1024, 2048].map((n) => `64 → 64, columns ${n}`));
  const { evaluateUs, flops } = timeMil(convolution(64, 64, 2048).text, loadProfile('m4'));
  const last = lines.at(-1)!;
  expect(last.flops).toBe(flops);
  // Histograms keep three digits.
  expect(last.evaluateUs! / evaluateUs).toBeCloseTo(1, 2);
  expect(last.teraflops! / (flops / evaluateUs / 1e6)).toBeCloseTo(1, 2);
});

test('int8 weights and activations are as much faster as the chip makes them', async () => {
  const [fp16, int8] = await runProbe('ane-int8', { device: 'sim:m5,clock', repeat: 1 });
  expect([fp16!.reason, int8!.reason]).toEqual(['', '']);
  expect(int8!.flops).toBe(2 * 64 * 512 * 512 * 64);
  expect(int8!.evaluateUs!).toBeLessThan(fp16!.evaluateUs!);
});

test('classes of service: a pool of its own each, and the environment is as it was', async () => {
  const before = { ...process.env };
  const lines = await runProbe('ane-qos', { device: 'sim:m4,clock', repeat: 1 });
  expect(lines.map(({ what, reason }) => `${what} ${reason}`)).toHaveLength(6);
  expect(lines[0]).toMatchObject({ what: 'quality of service 0 (real time)', reason: '' });
  expect(process.env).toEqual(before);
});

test("an interrupted probe ends with the signal's reason", async () => {
  const controller = new AbortController();
  const onProgress = () => controller.abort(new Error('enough'));
  const options = { device: 'sim:m4', repeat: 1, onProgress, signal: controller.signal };
  await expect(runProbe('ane-dispatch', options)).rejects.toThrow('enough');
});
