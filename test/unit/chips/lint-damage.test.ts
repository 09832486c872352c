import { MayflyError } from '@mayfly/core';
import { lint, loadProfile } from '@mayfly/core/chips';
import { expect, test } from 'vitest';
import { opCases } from '../../contract/ops.cases.js';
import { lintExamples } from '../../fixtures/lint-examples.js';
import { mutate, random } from '../../fixtures/mil-damage.js';

const profiles = ['m1', 'm3-max', 'm4', 'm4-max', 'm5'].map((chip) => loadProfile(chip));

/** Every rule of every chip, over a text: findings with places, or an error of Mayfly's own. */
function lintAll(text: string): void {
  for (const profile of profiles) {
    try {
      for (const { line, column } of lint(text, profile)) {
        expect(Number.isInteger(line) && line > 0 && Number.isInteger(column) && column > 0, text).toBe(true);
      }
    } catch (error) {
      if (!(error instanceof MayflyError)) throw new Error(`${String(error)}\n${text}`, { cause: error });
    }
  }
}

const func = (parameters: string, body: string, results: string) =>
  `program(1.3)\n{ func main<ios18>(${parameters}) {\n${body}\n} -> (${results}); }`;

test.each([
  ['an operation on names that nothing defines', func('', 'tensor<fp16, [8]> y = add(x = a, y = b);', 'z')],
  ['the same, returned', func('', 'tensor<fp16, [8]> y = add(x = a, y = b);', 'y')],
  ['nothing but a constant', func('', 'tensor<fp16, [1]> c = const()[val = tensor<fp16, [1]>([1])];', 'c')],
  ['no operation', func('', '', 'y')],
  ['large results and no inputs', func('', 'tensor<fp16, [65536, 4096]> y = add(x = a, y = b);', 'y')],
  [
    'many results and no inputs',
    func(
      '',
      Array.from({ length: 130 }, (_, i) => `tensor<fp16, [1]> y${i} = exp(x = a);`).join('\n'),
      Array.from({ length: 130 }, (_, i) => `y${i}`).join(', '),
    ),
  ],
  [
    'scalars everywhere',
    func('fp16 x', 'fp16 y = matmul(x = x, y = x);\nfp16 z = concat(values = (x, y), axis = 0);', 'z'),
  ],
  [
    'operations without arguments',
    func('', 'fp16 y = conv();\nfp16 z = scaled_dot_product_attention();\nfp16 s = softmax();', 'y, z, s'),
  ],
])('a program without sense is linted or refused: %s', (_, text) => lintAll(text));

test('damaged programs are linted or refused', () => {
  const next = random(20_261_128);
  const texts = [...opCases.map(({ text }) => text), ...Object.values(lintExamples).map(({ text }) => text)];
  for (let round = 0; round < 3000; round++) {
    const text = texts[next(texts.length)]!;
    // Half of them without their inputs, which rules like to look at.
    lintAll(mutate(next(2) ? text : text.replace(/(func \w+<\w+>)\([^)]*\)/, '$1()'), next));
  }
});
