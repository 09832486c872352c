import { join } from 'node:path';
import { createTrainer, openData } from '@mayfly/core';
import { addon, type HostMath } from '@mayfly/native';
import { afterEach, expect, test } from 'vitest';
import { smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();

/** Host math whose time grows with the vocabulary or with all parameters. */
const long = ['crossEntropy', 'logits', 'adamw', 'sumOfSquares', 'add', 'zero', 'embedBackward'] as const;

const math = addon.math as { -readonly [Name in keyof HostMath]: HostMath[Name] };
const original = { ...math };
afterEach(() => Object.assign(math, original));

test('training, evaluation, text and checkpoints compute nothing long on the event loop', async () => {
  const called: string[] = [];
  for (const name of Object.keys(original) as (keyof HostMath)[]) {
    const call = original[name] as (...args: unknown[]) => unknown;
    Object.assign(math, {
      [name]: (...args: unknown[]) => {
        called.push(name);
        return call(...args);
      },
    });
  }
  const data = smallStream(folder);
  const options = { ...smallRun, data, out: join(folder, 'run'), steps: 2, pool: { device: 'cpu' } };
  await using trainer = await createTrainer(options);
  await trainer.train();
  const stream = await openData(data);
  await trainer.evaluate(stream, [0, 2]);
  stream.close();
  for await (const _ of trainer.generate([1, 2], { maxTokens: 2 }));
  expect(trainer.summary()).toMatchObject({ lastStep: 2, paramsSha256: trainer.parametersDigest() });
  // What is short is called at once.
  expect(called).toContain('residualNorm');
  expect(long.filter((name) => called.includes(name))).toEqual([]);
});
