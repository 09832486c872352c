import { createPool } from '@mayfly/core';
import { expect, test } from 'vitest';
import { publicForms } from '../../contract/cases/public-forms.cases.js';

test('a kernel is one function of its program, wherever it moves', async () => {
  await using pool = await createPool({ device: 'cpu' });
  const { text } = publicForms.find(({ name }) => name === 'several functions')!;
  const [x, y] = [pool.arena.tensor('fp16', [1, 4, 1, 8]), pool.arena.tensor('fp16', [1, 4, 1, 8])];
  x.set(1);
  const results: number[] = [];
  for (const function_ of [undefined, 'first', 'last']) {
    const kernel = await pool.compile({ text, ...(function_ && { function: function_ }) });
    await pool.recycle();
    await kernel.run(x, y);
    results.push(y.values()[0]!);
  }
  expect(results).toEqual([3, 2, 5]);
  await expect(pool.compile({ text, function: 'none' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  await expect(pool.compile({ text, unchecked: true })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  await expect(pool.compile({ text, unchecked: 1 as never })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});

test('records that do not describe their tensors are one warning for a kernel, not one for each compilation', async () => {
  const seen: Error[] = [];
  const listen = (warning: Error) => seen.push(warning);
  process.on('warning', listen);
  try {
    await using pool = await createPool({ device: 'cpu' });
    const { text, weights } = publicForms.find(({ name }) => name === 'a record without an offset of its data')!;
    const files = { '@model_path/weights/weight.bin': new Uint8Array(Buffer.from(weights!, 'base64')) };
    const kernel = await pool.compile({ name: 'odd', text, weights: files });
    await kernel.update(files);
    await pool.recycle();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', listen);
  }
  expect(seen).toEqual([
    expect.objectContaining({
      code: 'MAYFLY_WEIGHTS',
      message: expect.stringMatching(/^odd: The record at offset 64 of weight file .* states data at 0/),
    }),
  ]);
});
