import { createPool } from '@mayfly/core';
import { PoolMetrics } from '@mayfly/core/observe';
import { expect, test } from 'vitest';
import { scaleProgram } from '../../fixtures/programs.js';
import { runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { observed } from '../../fixtures/telemetry.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

test('a pool has the metrics that Prometheus gets, and a span for each compilation and takeover', async () => {
  await using telemetry = observed();
  await using pool = await createPool({ device: 'cpu', standby: 0 });
  using prometheus = new PoolMetrics(pool);
  const kernel = await pool.compile({ name: 'triple', text: scaleProgram(8, 3) });
  const [x, y] = [pool.arena.tensor('fp32', [1, 8]), pool.arena.tensor('fp32', [1, 8])];
  for (let run = 0; run < 3; run++) await kernel.run(x, y);
  await pool.recycle();
  process.kill(pool.stats().workers.find(({ state }) => state === 'serving')!.pid, 'SIGKILL');
  await kernel.run(x, y);

  const points = await telemetry.points();
  const valueIn = (name: string, labels = {}) =>
    points.find(
      (each) => each.name === name && JSON.stringify(each.attributes) === JSON.stringify({ pool: 1, ...labels }),
    )?.value;
  expect(valueIn('mayfly.dispatches')).toBe(4);
  expect(valueIn('mayfly.retirements', { reason: 'requested' })).toBe(1);
  expect(valueIn('mayfly.worker.deaths')).toBe(1);
  expect(valueIn('mayfly.workers', { state: 'serving' })).toBe(1);
  expect(valueIn('mayfly.evaluation.seconds', { kernel: 'triple' })).toMatchObject({ count: 4 });
  expect(valueIn('mayfly.arena.bytes')).toBe(pool.arena.bytes);

  const exposed = Array.from(
    prometheus.text().matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm),
    ([, name]) => name!,
  );
  expect([...new Set(points.map(({ name }) => name))].sort()).toEqual(
    exposed.map((name) => name.replace(/_total$/, '').replaceAll('_', '.')).sort(),
  );
  expect(points.find(({ name }) => name === 'mayfly.worker.resident.bytes')?.unit).toBe('By');

  const spans = telemetry.spans().map(({ name, attributes }) => [name, attributes['mayfly.reason']]);
  expect(spans).toEqual([
    ['mayfly.compile', 'compile'],
    ['mayfly.compile', 'retire'],
    ['mayfly.takeover', 'retire'],
    ['mayfly.compile', 'recover'],
    ['mayfly.takeover', 'recover'],
  ]);
});

test('a training has a span for each step', async () => {
  await using telemetry = observed();
  await runTraining({ model: 'tiny', data: smallStream(temporaryFolder()), ...smallRun, pool: { standby: 0 } });
  const steps = telemetry.spans().filter(({ name }) => name === 'mayfly.step');
  expect(steps.length).toBeGreaterThan(1);
  expect(steps.map(({ attributes }) => attributes['mayfly.step'])).toEqual(steps.map((_, index) => index + 1));
  expect(steps.every(({ attributes }) => Number(attributes['mayfly.loss']) > 0)).toBe(true);
});
