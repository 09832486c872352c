import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Arena,
  dynamicPrograms,
  type FixedConstants,
  type LayerProgram as Kernel,
  MilBuilder,
  staticPrograms,
} from '@mayfly/core/testing';
import { addon, type Fault, loadProfile, type NativeDevice, timeMil } from '@mayfly/native';
import { afterEach, describe, expect, test } from 'vitest';
import { InProcessDevice } from '../fixtures/in-process-kernel.js';
import { mil } from '../fixtures/lint-text.js';
import { halfToNumber, numberToHalf } from '../fixtures/math-arena.js';
import { RandomMatrices } from '../fixtures/random-layer.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0).reverse()) each.close();
});

const figure = (value: number) => ({ value, source: 'test', grade: 'C' });

/** A device `sim:FILE` with limits and faults of its own. */
function chip(limits: object, faults: object = {}): string {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.json`);
  const profile = { extends: 'm4', name: 'small', title: 'Small', limits, faults };
  writeFileSync(file, JSON.stringify(profile));
  return `sim:${file}`;
}

class Bench {
  readonly arena = new Arena(1 << 26);
  readonly device: NativeDevice;
  readonly #block = this.arena.allocate(1 << 20);

  constructor(name: string) {
    this.device = addon.openDevice(name, this.arena.native);
    opened.push(this.arena, this.device);
  }

  /** Every input holds its own number, 1 for the first; gives the first element of every output. */
  evaluate(program: number, inputs = 1, outputs = 1): number[] {
    const stride = 1 << 16;
    for (let port = 0; port < inputs + outputs; port++) {
      const { buffer, byteOffset } = this.arena.native.view(this.#block.offset + port * stride, stride);
      new Uint16Array(buffer, byteOffset, stride / 2).fill(numberToHalf(port < inputs ? port + 1 : -1));
    }
    const at = (port: number) => this.#block.offset + port * stride;
    this.device.evaluate(
      program,
      Array.from({ length: inputs + outputs }, (_, port) => at(port)),
    );
    return Array.from({ length: outputs }, (_, port) => this.element(at(inputs + port)));
  }

  element(offset: number): number {
    const { buffer, byteOffset } = this.arena.native.view(offset, 2);
    return halfToNumber(new Uint16Array(buffer, byteOffset, 1)[0]!);
  }

  compile(text = double()): number {
    return this.device.compile(text, []).program;
  }
}

/** out = a + a over 16384 elements: nothing that a rule of M4 calls an error. */
function double(): string {
  const b = new MilBuilder();
  const a = b.input('a', 'fp16', [1, 64, 1, 256]);
  b.output('out', b.add(a, a));
  return b.build().text;
}

const code = (expected: string, message: string | RegExp, more: object = {}) =>
  expect.objectContaining({ code: expected, message: expect.stringMatching(message), ...more });

describe('limits', () => {
  test('the compiler refuses from one compilation on, whatever is unloaded', () => {
    const { device } = new Bench(chip({ compilations: figure(3) }));
    const text = double();
    for (let count = 0; count < 3; count++) device.unload(device.compile(text, []).program);
    expect(() => device.compile(text, [])).toThrow(
      code('ERR_DEVICE_LIMIT', /got a failure without an error \(compilation 4 of this process/, {
        limit: 'compilations',
      }),
    );
  });

  test('119 of them on a chip as it is told of', () => {
    const { device } = new Bench('sim:m4');
    const text = double();
    for (let count = 0; count < 119; count++) device.unload(device.compile(text, []).program);
    expect(() => device.compile(text, [])).toThrow(code('ERR_DEVICE_LIMIT', /compilation 120/));
    expect(device.stats()).toMatchObject({ compilations: 120, livePrograms: 0 });
  });

  test('loaded programs have slots, which unloading gives back', () => {
    const { device } = new Bench(chip({ livePrograms: figure(2) }));
    const text = double();
    const first = device.compile(text, []).program;
    device.compile(text, []);
    expect(() => device.compile(text, [])).toThrow(
      code('ERR_DEVICE_LIMIT', /Program load failure \(0x50004\).*2 programs/, { limit: 'livePrograms' }),
    );
    device.unload(first);
    device.compile(text, []);
  });

  test('weights have a bank', () => {
    const { device, arena } = new Bench(chip({ programBytes: figure(20_000) }));
    const { program } = staticPrograms({ ...small, dim: 32, hidden: 64 }).feedForwardForward;
    const [layout] = program.weightFiles;
    const block = arena.allocate(layout!.bytes);
    const weights = () => {
      const view = arena.native.view(block.offset, layout!.bytes);
      const bytes = new DataView(view.buffer, view.byteOffset, view.byteLength);
      bytes.setUint32(4, 2, true);
      for (const { recordOffset, dataOffset, bytes: length } of layout!.records) {
        bytes.setUint32(recordOffset, 0xdeadbeef, true);
        bytes.setUint32(recordOffset + 4, 1, true);
        bytes.setBigUint64(recordOffset + 8, BigInt(length), true);
        bytes.setBigUint64(recordOffset + 16, BigInt(dataOffset), true);
      }
      return [{ path: layout!.path, offset: block.offset, bytes: layout!.bytes }];
    };
    device.compile(program.text, weights());
    expect(() => device.compile(program.text, weights())).toThrow(code('ERR_ANE_LOAD', /0x20004/));
  });
});

describe('rules', () => {
  test('what does not compile on the chip does not compile', () => {
    const reduced = mil(
      'fp16[1, 64, 1, 256] a',
      'int32 n = const()[name = string("n"), val = int32(1)]; fp16[1, 64, 1, 256] out = mul(x = a, y = fp16(2))[name = string("out")];',
    );
    const { device } = new Bench('sim:m4');
    expect(() => device.compile(reduced, [])).toThrow(
      code(
        'ERR_ANE_COMPILE',
        /Expected to compile the program on sim:m4, got ANECCompile\(\) FAILED \(named-arguments, line/,
      ),
    );
    new Bench('sim:m4,no-rules').compile(reduced);
  });

  test('mistakes in the text are told as on every device', () => {
    const { device } = new Bench('sim:m4');
    expect(() => device.compile('program(1.3', [])).toThrow(code('ERR_MIL_SYNTAX', /line 1/));
  });

  test('wrong data comes without an error', () => {
    const b = new MilBuilder();
    const a = b.input('a', 'fp16', [1, 64, 1, 40]);
    b.output('out', b.add(a, a));
    const { text } = b.build();
    for (const [name, expected] of [
      ['sim:m4', 0],
      ['sim:m4,no-rules', 2],
    ] as const) {
      const bench = new Bench(name);
      expect(bench.evaluate(bench.compile(text))).toEqual([expected]);
    }
  });

  test('tensors are bound in the order of the names', () => {
    const b = new MilBuilder();
    const second = b.input('second', 'fp16', [1, 64, 1, 64]);
    const first = b.input('first', 'fp16', [1, 64, 1, 64]);
    b.output('z', b.mul(second, 8));
    b.output('y', b.mul(first, 8));
    const { text } = b.build();
    const plain = new Bench('cpu');
    expect(plain.evaluate(plain.compile(text), 2, 2)).toEqual([8, 16]);
    // The first tensor is `first`, whose eightfold is `y`, the first of the outputs: both errors undo each other …
    const bench = new Bench('sim:m4-max');
    expect(bench.evaluate(bench.compile(text), 2, 2)).toEqual([8, 16]);
    // … and one alone shows.
    const crossed = text.replace('-> (z, y)', '-> (y, z)');
    expect(plain.evaluate(plain.compile(crossed), 2, 2)).toEqual([16, 8]);
    expect(bench.evaluate(bench.compile(crossed), 2, 2)).toEqual([8, 16]);
  });

  test('an evaluation that the chip refuses fails as there', () => {
    const b = new MilBuilder();
    const a = b.input('a', 'fp16', [1, 32_768]);
    b.output('out', b.add(a, a));
    const bench = new Bench('sim:m4');
    const program = bench.compile(b.build().text);
    expect(() => bench.evaluate(program)).toThrow(
      code('ERR_ANE_EVALUATE', /status=0x1d : statusType=0x9 \(elementwise-large/),
    );
  });
});

describe('faults', () => {
  const outcomes = (evaluate: readonly Fault[], count: number, more: object = {}) => {
    const bench = new Bench(chip({}, { evaluate, ...more }));
    const program = bench.compile();
    return Array.from({ length: count }, () => {
      try {
        return bench.evaluate(program)[0];
      } catch (error) {
        expect(error).toEqual(code('ERR_ANE_EVALUATE', 'status=0x1d'));
        return 'error';
      }
    });
  };

  test('strike at counts, at every n-th, from one on', () => {
    expect(outcomes([{ fault: 'error', at: [2, 5] }], 6)).toEqual([2, 'error', 2, 2, 'error', 2]);
    expect(outcomes([{ fault: 'zeros', every: 3 }], 6)).toEqual([2, 2, 0, 2, 2, 0]);
    expect(outcomes([{ fault: 'error', from: 4 }], 6)).toEqual([2, 2, 2, 'error', 'error', 'error']);
  });

  test('strike with a probability, the same for the same seed', () => {
    const faults: readonly Fault[] = [{ fault: 'zeros', probability: 0.25 }];
    const first = outcomes(faults, 200, { seed: 3 });
    expect(outcomes(faults, 200, { seed: 3 })).toEqual(first);
    expect(outcomes(faults, 200, { seed: 4 })).not.toEqual(first);
    const struck = first.filter((result) => result === 0).length;
    expect(struck).toBeGreaterThan(25);
    expect(struck).toBeLessThan(80);
  });

  test('strike compilations and loads', () => {
    const bench = new Bench(
      chip(
        {},
        {
          compile: [
            { fault: 'error', at: 1 },
            { fault: 'load', at: 2 },
          ],
        },
      ),
    );
    expect(() => bench.compile()).toThrow(code('ERR_ANE_COMPILE', 'ANECCompile'));
    expect(() => bench.compile()).toThrow(code('ERR_ANE_LOAD', '0x20004'));
    bench.compile();
    expect(bench.device.stats()).toMatchObject({ compilations: 3, livePrograms: 1 });
  });

  test('come from the environment, too', () => {
    process.env.MAYFLY_SIM_FAULTS = '{"compile":[{"fault":"error","at":1}]}';
    try {
      expect(() => new Bench('sim:m4').compile()).toThrow(code('ERR_ANE_COMPILE', 'ANECCompile'));
      process.env.MAYFLY_SIM_FAULTS = '{';
      expect(() => new Bench('sim:m4')).toThrow(code('ERR_CHIP_PROFILE', 'Expected MAYFLY_SIM_FAULTS to be JSON'));
    } finally {
      delete process.env.MAYFLY_SIM_FAULTS;
    }
  });
});

const small = {
  dim: 64,
  hidden: 160,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  eps: 1e-5,
  ropeBase: 10_000,
  ropePairing: 'interleaved',
  batch: 1,
  sequence: 32,
} as const;

test.each(['static', 'dynamic'])('%s kernels give the bits of the cpu device', (strategy) => {
  const kernels: Readonly<Record<string, Kernel<string, string> & FixedConstants>> = {
    ...(strategy === 'static' ? staticPrograms(small) : dynamicPrograms(small)),
  };
  const random = new RandomMatrices(5);
  const devices = ['cpu', 'sim:m4,no-rules', 'sim:m1,no-rules,clock'].map((name) => new InProcessDevice(name));
  for (const [name, kernel] of Object.entries(kernels)) {
    const inputs = Object.fromEntries(
      Object.entries(kernel.input.slots).map(([slot, { rows, columns }]) => [slot, random.normal(rows, columns, 0.25)]),
    );
    const values = kernel.program.weightFiles.flatMap(({ records }) =>
      records
        .filter((record) => !kernel.constants.has(record.name))
        .map((record) => [record.name, random.normal(record.bytes / 2, 1, 0.1).values] as const),
    );
    const weights = new Map(values.map(([key, given]) => [key, Float32Array.from(given)]));
    const [cpu, ...others] = devices.map((device) => device.run(kernel, inputs, weights));
    for (const other of others) expect(other, name).toEqual(cpu);
  }
  for (const device of devices) device.close();
});

test('products saturate as the engine’s do, where asked for', () => {
  const b = new MilBuilder();
  const a = b.input('a', 'fp16', [1, 1, 64, 64]);
  b.output('out', b.matmul(b.mul(a, 23), b.mul(a, 23)));
  const { text } = b.build();
  for (const [name, expected] of [
    ['cpu', 33856],
    ['sim:m4', 33856],
    ['sim:m4,numerics', Number.POSITIVE_INFINITY],
  ] as const) {
    const bench = new Bench(name);
    expect(bench.evaluate(bench.compile(text))).toEqual([expected]);
  }
});

test('the clock tells what the chip would take', () => {
  const text = double();
  const expected = timeMil(text, loadProfile('m4'));
  const bench = new Bench('sim:m4,clock');
  const program = bench.compile(text);
  bench.evaluate(program);
  bench.evaluate(program);
  expect(bench.device.stats()).toMatchObject({
    evaluateNanoseconds: 2 * Math.round(expected.evaluateUs * 1e3),
    compileNanoseconds: Math.round((expected.compileMs + expected.loadMs) * 1e6),
  });
});

test('a device is called as it was asked for, and an unknown one is told', () => {
  expect(addon.deviceNames()).not.toContain('sim');
  expect(addon.openDevice('sim:m4', new Bench('cpu').arena.native).name).toBe('sim:m4');
  expect(() => new Bench('sim:m99')).toThrow(code('ERR_CHIP_UNKNOWN', 'Expected a chip among'));
  expect(() => new Bench('sim:m4,fast')).toThrow(
    code('ERR_DEVICE_UNAVAILABLE', 'numerics, clock, pacing, no-rules, got `fast`'),
  );
});
