import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer } from '@mayfly/core';
import { Observers, readRunLog } from '@mayfly/core/testing';
import { RunHistory } from '@mayfly/core/watch';
import { expect, onTestFinished, test } from 'vitest';
import { aneRunner, onEachRuntime, useRuntime } from '../../fixtures/ane-emulator.js';
import { hasProtoc, protocDecode } from '../../fixtures/protoc.js';
import { smallRun, smallStream } from '../../fixtures/small-run.js';
import { observed } from '../../fixtures/telemetry.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const run = aneRunner();
const coded = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

/** Channels of the stand-in: what each gains between two readings. */
const ultra =
  'Energy Model||ANE0_0|mJ|1500,Energy Model||ANE0_1|uJ |2500,Energy Model||ANE0_SRAM|mJ|7,Energy Model||CPU Energy|mJ|9';
const memory =
  'AMC Stats|Perf Counters|DCS RD|B|1000,AMC Stats|Perf Counters|DCS WR|B|500,AMC Stats|Perf Counters|ANE DCS RD|B|100';

onEachRuntime((tier, runtime) => {
  const counted = async (channels: string, env: Record<string, string> = {}) => {
    const { results } = await run(runtime, [['energy']], { MAYFLY_EMULATOR_IOREPORT: channels, ...env });
    return results[0]!.energy;
  };

  test('a system without counters has no meter, and an engine all the same', async () => {
    const { results } = await run(runtime, [['energy'], ['open']]);
    const refusal = tier === 'T1' ? 'no channels Energy Model' : 'does not export IOReport';
    expect(results).toEqual([{ energy: coded('ERR_DEVICE_UNAVAILABLE', refusal) }, { open: 'ane' }]);
  });

  // The second stand-in has no such library.
  if (tier === 'T2') return;

  test.each<[what: string, channels: string, joules: object | null]>([
    ['of two dies, in units of their own, without their SRAM', ultra, { ANE0_0: 1.5, ANE0_1: 0.0025 }],
    ['in nanojoules', 'Energy Model||ANE|nJ|2000000', { ANE: 0.002 }],
    ['without a channel whose unit is not told', 'Energy Model||ANE0|mJ|20,Energy Model||ANE1||20', { ANE0: 0.02 }],
    [
      'without the sum of others',
      'Energy Model||ANE|mJ|5,Energy Model||ANE0|mJ|2,Energy Model||ANE1|mJ|3',
      { ANE0: 0.002, ANE1: 0.003 },
    ],
    ['of the later name of the group', 'Energy Counters||ANE0|mJ|20', { ANE0: 0.02 }],
  ])('energy %s', async (_, channels, joules) => {
    expect(await counted(channels)).toMatchObject({
      ...{ dies: Object.keys(joules ?? {}), memorySource: '' },
      readings: [
        { joules, memoryBytes: null },
        { joules, memoryBytes: null },
      ],
    });
  });

  test('a counter that goes backwards gives nothing for one reading', async () => {
    // Two samples are those of the trial, the third is the first of the meter.
    expect(await counted('Energy Model||ANE0|mJ|5:5:5:-3:4')).toMatchObject({
      dies: ['ANE0'],
      readings: [{ joules: null }, { joules: { ANE0: 0.004 } }],
    });
  });

  test('a counter that does not count is none', async () => {
    expect(await counted('Energy Model||ANE0|mJ|-1')).toEqual(
      coded('ERR_DEVICE_UNAVAILABLE', 'No channel of Energy Model'),
    );
  });

  test.each<[what: string, channels: string, env: Record<string, string>, found: Record<string, unknown>]>([
    ['by the sum of all requestors', memory, {}, { memorySource: 'AMC Stats', memoryBytes: 1500, aneBytes: 100 }],
    [
      ...(['by requestors that are prefixed by their die'] as const),
      'AMC Stats|Perf Counters|DIE0 GFX DCS RD|B|7,AMC Stats|Perf Counters|DIE0 ANE DCS WR|B|5,AMC Stats|Perf Counters|DCS F1 RD|B|9',
      {},
      { memorySource: 'AMC Stats', memoryBytes: 12, aneBytes: 5 },
    ],
    [
      ...(['by frequencies, where the system refuses the requestors'] as const),
      `${memory},PMP|DRAM BW|F1 RD|B|3,PMP|DRAM BW|F2 WR|B|4,PMP|DCS BW|AMCC RD+WR||16GB/s=1`,
      { MAYFLY_EMULATOR_IOREPORT_REFUSES: 'AMC Stats' },
      { memorySource: 'PMP/DRAM BW', memoryBytes: 7, aneBytes: null },
    ],
  ])('memory %s', async (_, channels, env, { memorySource, ...bytes }) => {
    const reading = { joules: null, ...bytes };
    expect(await counted(channels, env)).toMatchObject({ dies: [], memorySource, readings: [reading, reading] });
  });

  test('memory by the mean of a histogram of rates', async () => {
    const found = await counted('PMP0|DCS BW|AMCC RD+WR|| 16GB/s=3:32GB/s=1,PMP0|DCS BW|ANE0 RD+WR||1GB/s=1');
    expect(found).toMatchObject({ memorySource: 'PMP0/DCS BW' });
    const { readings } = found as { readings: { seconds: number; memoryBytes: number; aneBytes: number }[] };
    for (const { seconds, memoryBytes, aneBytes } of readings) {
      expect(memoryBytes).toBeCloseTo(20e9 * seconds, 3);
      expect(aneBytes).toBeCloseTo(1e9 * seconds, 3);
    }
  });

  useRuntime(tier, runtime, folder);

  test('a training has its energy in the log, on the page, in metrics and in the files for other programs', async () => {
    process.env.MAYFLY_EMULATOR_IOREPORT = `${ultra},${memory}`;
    const out = join(folder, 'run');
    const data = smallStream(folder);
    await using telemetry = observed();
    const [csv, tensorboard] = [join(folder, 'steps.csv'), join(folder, 'board')];
    const observers = await Observers.open({ csv, tensorboard, metrics: 0 });
    onTestFinished(() => observers[Symbol.asyncDispose]());
    await using trainer = await createTrainer({
      ...{ ...smallRun, data, out, variant: 'fused,silu=exp,rope=slice,split=1' },
      pool: { ...smallRun.pool, device: 'ane' },
    });
    const address = observers.start(trainer)!;
    await trainer.train();
    const uses = readRunLog(out).filter(({ event }) => event === 'energy');
    expect(uses.length).toBeGreaterThan(0);
    // Every step is in one reading.
    expect(uses.reduce((sum, { steps }) => sum + Number(steps), 0)).toBe(smallRun.steps);
    for (const { steps, ms, ...use } of uses) {
      expect(use.dies).toEqual([
        { name: 'ANE0_0', joules: 1.5 },
        { name: 'ANE0_1', joules: 0.0025 },
      ]);
      expect(use.joules_per_step).toBeCloseTo(1.5025 / Number(steps), 9);
      expect((Number(use.memory_bytes_per_second) * Number(ms)) / 1000).toBeCloseTo(1500, 0);
      expect((Number(use.ane_bytes_per_second) * Number(ms)) / 1000).toBeCloseTo(100, 0);
    }
    const history = new RunHistory(out);
    await history.refresh();
    expect(history.energy.map(({ joulesPerStep }) => joulesPerStep)).toEqual(uses.map((use) => use.joules_per_step));
    const last = Number(uses.at(-1)!.steps);
    expect(history.energy.at(-1)!.dies).toEqual([
      { name: 'ANE0_0', joulesPerStep: 1.5 / last },
      { name: 'ANE0_1', joulesPerStep: 0.0025 / last },
    ]);
    const text = await (await fetch(address)).text();
    const value = (name: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      );
    expect(value('mayfly_ane_energy_joules_total{die="ANE0_0"}')).toBeCloseTo(1.5 * uses.length, 9);
    expect(value('mayfly_ane_energy_joules_total{die="ANE0_1"}')).toBeCloseTo(0.0025 * uses.length, 9);
    expect(value('mayfly_ane_step_joules{die="ANE0_1"}')).toBeCloseTo(0.0025 / last, 9);
    expect(value('mayfly_memory_traffic_bytes_total')).toBeCloseTo(1500 * uses.length, 6);
    expect(value('mayfly_ane_traffic_bytes_total')).toBeCloseTo(100 * uses.length, 6);

    const points = await telemetry.points();
    const point = (name: string, die?: string) =>
      points.find(({ name: its, attributes }) => its === name && attributes.die === die)!;
    for (const [name, unit, total, die] of [
      ['mayfly.ane.energy.joules', 'J', 1.5 * uses.length, 'ANE0_0'],
      ['mayfly.ane.step.joules', 'J', 0.0025 / last, 'ANE0_1'],
      ['mayfly.memory.traffic.bytes', 'By', 1500 * uses.length],
      ['mayfly.ane.traffic.bytes', 'By', 100 * uses.length],
    ] as const) {
      expect(point(name, die)).toMatchObject({ unit, attributes: { pool: 1 } });
      expect(point(name, die).value).toBeCloseTo(total, 6);
      expect(point(name, die).description).toMatch(/Assumed: no Mac has run it\.$/);
    }

    await observers[Symbol.asyncDispose]();
    const [head, ...rows] = readFileSync(csv, 'utf8').trimEnd().split('\r\n');
    expect(head).toMatch(/,joules_per_step,memory_bytes_per_second,ane_bytes_per_second,die_joules_per_step$/);
    expect(rows).toHaveLength(smallRun.steps);
    expect(rows.map((row) => row.split(',').slice(-4).join()).filter((cells) => cells !== ',,,')).toEqual(
      uses.map(({ steps, ...use }) =>
        [
          ...[use.joules_per_step, use.memory_bytes_per_second, use.ane_bytes_per_second],
          `ANE0_0=${1.5 / Number(steps)} ANE0_1=${0.0025 / Number(steps)}`,
        ].join(),
      ),
    );
    const board = readFileSync(join(tensorboard, readdirSync(tensorboard)[0]!));
    for (const tag of ['energy/joules per step', 'energy/joules per step of ANE0_1', 'memory/bytes per second']) {
      expect(board.includes(tag)).toBe(true);
    }
    if (hasProtoc) expect(energyEvent(board)).toMatch(/summary_description: ".*Assumed: no Mac has run it\."/);
  });
});

/** The last event with energy, as text. */
function energyEvent(board: Buffer): string {
  const at = board.lastIndexOf('energy/joules per step');
  for (let from = 0; ; ) {
    const length = Number(board.readBigUInt64LE(from));
    const end = from + 12 + length;
    if (at < end) return protocDecode('tensorboard.proto', 'tensorflow.Event', board.subarray(from + 12, end));
    from = end + 4;
  }
}
