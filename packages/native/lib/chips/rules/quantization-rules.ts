import type { Rule } from './rule.js';

/** Rules on weights and activations that are kept as small integers. */
export const quantizationRules: readonly Rule[] = [
  {
    id: 'int8-scale-axis',
    severity: 'compile',
    summary: 'Scales of int8 weights are one for all, or one for each output channel.',
    known: 'M5 Pro, through Core ML',
    sources: ['CAD'],
    grade: 'B',
    *check(program) {
      for (const { name, line, column, producer, shape } of program.values.values()) {
        if (producer?.operation !== 'constexpr_affine_dequantize') continue;
        const scale = producer.attribute('scale');
        const axis = Number(producer.attribute('axis')?.elements?.[0] ?? 0);
        const perChannel = (scale?.count ?? scale?.shape?.[0] ?? 1) > 1;
        if (!perChannel || axis === 0 || axis === -shape.length) continue;
        yield {
          message: `${name} has its scales along axis ${axis}: give one for each output channel`,
          at: { line, column },
        };
      }
    },
  },
  {
    id: 'blockwise-scale',
    severity: 'compile',
    summary: 'constexpr_blockwise_shift_scale needs M3 or later.',
    known: 'M1, M2',
    sources: ['GUIDE', 'FORGE'],
    grade: 'A',
    generations: ['m1', 'm2'],
    *check(program) {
      for (const value of program.values.values()) {
        if (value.producer?.operation !== 'constexpr_blockwise_shift_scale') continue;
        yield { message: `${value.name}: use constexpr_affine_dequantize`, at: value };
      }
    },
  },
  {
    id: 'int8-speed',
    severity: 'performance',
    summary: 'int8 weights and activations pay from M4 on.',
    known:
      'M1 unpacks them at compilation, M2 and M3 stream them and compute as fast as fp16; 1.85 to 1.88 times on M4 and M5',
    sources: ['GUIDE', 'SLA', 'MAD', 'CAD'],
    grade: 'A',
    *check(program, { clock, title }) {
      if (clock.int8Speedup.value > 1.2) return;
      const [quantize] = program.named('quantize');
      if (quantize === undefined) return;
      yield { message: `int8 is ${clock.int8Speedup.value} times as fast as fp16 on ${title}: use fp16`, at: quantize };
    },
  },
];
