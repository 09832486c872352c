import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  exportLlama2c,
  initializeParameters,
  loadModel,
  type ModelSource,
  ParameterLayout,
  presets,
  writeCheckpoint,
} from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const layout = new ParameterLayout(presets.tiny);

async function initialized(seed: number): Promise<Float32Array> {
  const parameters = new Float32Array(layout.count);
  await initializeParameters(layout, parameters, seed);
  return parameters;
}

function asBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer);
}

function save(directory: string, step: number, parameters: Float32Array): Promise<string> {
  return writeCheckpoint(directory, step, { config: presets.tiny }, { parameters: asBytes(parameters) });
}

test('a preset has a shape and no parameters', async () => {
  expect(await loadModel('tiny')).toEqual({ config: presets.tiny, tokenizer: 'bytes', description: 'tiny (preset)' });
});

test.each([
  [{ data: 'a.txt', tokenizer: 'tokenizer.json' }, 'tokenizer.json'],
  [{ data: 'a.txt' }, 'bytes'],
  [{ data: 'a.u16' }, undefined],
  [undefined, undefined],
])('the tokenizer of a run with the options %j is %s', async (options, tokenizer) => {
  const config = { ...presets.tiny, vocab: 512 };
  const directory = join(folder, `run-${JSON.stringify(options)?.length}`);
  const parameters = new Uint8Array(4 * new ParameterLayout(config).count);
  await writeCheckpoint(directory, 1, { config, ...(options && { options }) }, { parameters });
  expect((await loadModel(directory)).tokenizer).toBe(tokenizer);
});

/** A model's parameters, collected from pieces of bounded length. */
async function collected({ parameters }: ModelSource): Promise<Float32Array> {
  const target = new Float32Array(layout.count);
  const sizes: number[] = [];
  await parameters?.(async ({ offset, values }) => {
    sizes.push(values.length);
    target.set(values, offset);
    await Promise.resolve();
    // A sink may change what it got: the check of the file does not see it.
    values.fill(Number.NaN);
  });
  expect(sizes.length).toBeGreaterThan(0);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2 ** 20);
  return target;
}

test('a llama2.c file', async () => {
  const path = join(folder, 'model.bin');
  await exportLlama2c(path, presets.tiny, await initialized(1));
  const model = await loadModel(path);
  const target = new Float32Array(layout.count);
  await model.parameters?.(target);
  expect(model).toMatchObject({ config: presets.tiny, description: 'model.bin (llama2.c)' });
  expect(Buffer.compare(asBytes(target), asBytes(await initialized(1)))).toBe(0);
  expect(Buffer.compare(asBytes(await collected(model)), asBytes(target))).toBe(0);
});

test('a checkpoint, by file and by directory', async () => {
  const directory = join(folder, 'run');
  await save(directory, 1, await initialized(1));
  const second = await save(directory, 2, await initialized(2));
  for (const source of [directory, second]) {
    const model = await loadModel(source);
    const target = new Float32Array(layout.count);
    await model.parameters?.(target);
    expect(model).toMatchObject({ config: presets.tiny, description: 'step-00000002.mayfly (checkpoint, step 2)' });
    expect(Buffer.compare(asBytes(target), asBytes(await initialized(2)))).toBe(0);
    expect(Buffer.compare(asBytes(await collected(model)), asBytes(target))).toBe(0);
  }
});

test('an earlier checkpoint is never taken in silence', async () => {
  const directory = join(folder, 'damaged');
  await save(directory, 1, await initialized(1));
  const path = await save(directory, 2, await initialized(2));
  const bytes = readFileSync(path);
  bytes[bytes.length - 100]! ^= 1;
  writeFileSync(path, bytes);
  const warnings: string[] = [];
  const model = await loadModel(directory, (message) => warnings.push(message));
  const target = new Float32Array(layout.count);
  await model.parameters?.(target);
  expect(Buffer.compare(asBytes(target), asBytes(await initialized(1)))).toBe(0);
  expect(Buffer.compare(asBytes(await collected(model)), asBytes(target))).toBe(0);
  expect(new Set(warnings).size).toBe(1);
  expect(warnings[0]).toContain(path);
});

test('nothing of that name', async () => {
  await expect(loadModel('tyni')).rejects.toMatchObject({
    code: 'ERR_FILE_NOT_FOUND',
    message: `Cannot find a preset (${Object.keys(presets).join(', ')}) or a checkpoint at tyni: no such file or directory`,
  });
});

test('a checkpoint that says nothing of its model', async () => {
  const path = await writeCheckpoint(join(folder, 'plain'), 1, {}, {});
  await expect(loadModel(path)).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: `${path}: Expected a model's config in the header, got none`,
  });
});
