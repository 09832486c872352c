import { MilBuilder } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { mil } from '../../fixtures/lint-text.js';
import { code, SimBench } from '../../fixtures/sim-bench.js';

describe('rules', () => {
  test('a program that breaks a rule of severity compile does not compile', () => {
    const reduced = mil(
      'fp16[1, 64, 1, 256] a',
      'int32 n = const()[name = string("n"), val = int32(1)]; fp16[1, 64, 1, 256] out = mul(x = a, y = fp16(2))[name = string("out")];',
    );
    const { device } = new SimBench('sim:m4');
    expect(() => device.compile(reduced, [])).toThrow(
      code(
        'ERR_ANE_COMPILE',
        /Expected to compile the program on sim:m4, got ANECCompile\(\) FAILED \(named-arguments, line/,
      ),
    );
    new SimBench('sim:m4,no-rules').compile(reduced);
  });

  test('errors in the text are reported as on every device', () => {
    const { device } = new SimBench('sim:m4');
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
      const bench = new SimBench(name);
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
    const plain = new SimBench('cpu');
    expect(plain.evaluate(plain.compile(text), 2, 2)).toEqual([8, 16]);
    // The first tensor is `first`, whose eightfold is `y`, the first of the outputs: both errors undo each other …
    const bench = new SimBench('sim:m4-max');
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
    const bench = new SimBench('sim:m4');
    const program = bench.compile(b.build().text);
    expect(() => bench.evaluate(program)).toThrow(
      code('ERR_ANE_EVALUATE', /status=0x1d : statusType=0x9 \(elementwise-large/),
    );
  });
});
