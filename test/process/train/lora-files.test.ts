import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArenaScope,
  createPool,
  createTrainer,
  evaluate,
  exportModel,
  loadModel,
  type ModelSource,
  openData,
  openTokenizer,
  type TrainOptions,
} from '@mayfly/core';
import { readCheckpoint, readCheckpointHeader } from '@mayfly/core/checkpoint';
import { Decoder } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
writeFileSync(at('text'), 'Once upon a time a mayfly lived for a day, and trained a model. '.repeat(200));

const pool = { device: 'cpu', threads: 1 } as const;
const common = { data: at('text'), tokenizer: 'bytes', batch: 2, seq: 16, lr: 0.01, hostThreads: 1, pool } as const;

async function trained(options: TrainOptions): Promise<void> {
  await using trainer = await createTrainer({ ...common, ...options });
  await trainer.train();
}

await trained({ model: 'tiny', steps: 20, out: at('base') });
const base = (await loadModel(at('base'))).path!;
const lora = { model: base, steps: 10 };
await trained({ ...lora, out: at('one'), lora: { rank: 4 } });
await trained({ ...lora, out: at('two'), seed: 1, lora: { rank: 4 } });

const lossOf = async (model: string, adapter?: string) => {
  const { crossEntropy } = await evaluate({
    model,
    adapter,
    data: at('text'),
    tokenizer: 'bytes',
    window: 16,
    device: 'cpu',
  });
  return crossEntropy;
};

const stream = await openData(at('text'), { tokenizer: openTokenizer('bytes') });

describe('a run of adapters', () => {
  test('is a model: its own with the adapters added, and its checkpoint holds the adapters alone', async () => {
    const [whole, adapted] = [await lossOf(base), await lossOf(at('one'))];
    expect(adapted).toBeLessThan(whole - 0.05);
    expect(await lossOf(base, at('one'))).toBe(adapted);
    await using trainer = await createTrainer({ resume: at('one'), data: at('text'), steps: 10, pool });
    const unmerged = await trainer.evaluate(stream, [0, 700]);
    const merged = await evaluate({ model: at('one'), data: stream, window: 16, windows: [0, 700], device: 'cpu' });
    expect(Math.abs(unmerged.crossEntropy - merged.crossEntropy)).toBeLessThan(2e-4);
    const { path } = await loadModel(at('one'));
    expect(readFileSync(path!).length).toBeLessThan(readFileSync(base).length / 2);
  });

  test.each(['static', 'dynamic'] as const)(
    'has the logits of the model that its adapters were added to, where they run beside %s weights',
    async (weights) => {
      const settings = { rank: 4, alpha: 8, dropout: 0, rslora: false };
      const logitsOf = async (adapters: Float32Array | null, { config, parameters }: ModelSource) => {
        await using session = await createPool({ ...pool, workers: 1, standby: 0, arenaBytes: 2 ** 26 });
        const decoder = new Decoder(new ArenaScope(session.arena), {
          ...{ config, batch: 1, sequence: 16, weights },
          ...(adapters && { lora: settings }),
        });
        const { layout, parameters: held } = decoder.state;
        await parameters!(held.array().subarray(0, layout.baseCount));
        if (adapters !== null) held.array().set(adapters, layout.baseCount);
        await decoder.load(session);
        await decoder.forward(Array.from('Once upon a time', (letter) => letter.charCodeAt(0)));
        const rows: number[][] = [];
        for (let column = 0; column < 16; column++) rows.push(Array.from(await decoder.logits(column)));
        return rows.flat();
      };
      const { path, sections } = await readCheckpointHeader(at('one'));
      const adapters = new Float32Array(sections.parameters! / 4);
      await readCheckpoint(path, { parameters: new Uint8Array(adapters.buffer) });
      const [merged, whole] = [await loadModel(at('one')), await loadModel(base)];
      const found = await logitsOf(adapters, whole);
      const differences = (others: number[]) =>
        Math.max(...others.map((each, index) => Math.abs(each - found[index]!)));
      expect(differences(await logitsOf(null, merged))).toBeLessThan(2e-3);
      expect(differences(await logitsOf(null, whole))).toBeGreaterThan(0.1);
    },
  );

  test('becomes a folder of PEFT with the names of its files, and comes back to the digit', async () => {
    const { files } = await exportModel({ model: at('one'), format: 'peft', out: at('peft') });
    expect(files).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    const raw = readFileSync(at('peft/adapter_model.safetensors'));
    const header = JSON.parse(raw.subarray(8, 8 + Number(raw.readBigUInt64LE())).toString());
    const names: string[] = JSON.parse(
      readFileSync(new URL('../../fixtures/peft-names.json', import.meta.url), 'utf8'),
    ).names;
    expect(
      Object.keys(header)
        .filter((name) => name !== '__metadata__')
        .sort(),
    ).toEqual([0, 1].flatMap((layer) => names.map((name) => name.replace('{layer}', String(layer)))).sort());
    expect(header['base_model.model.model.layers.1.mlp.down_proj.lora_A.weight'].shape).toEqual([4, 192]);
    expect(header['base_model.model.model.layers.1.mlp.down_proj.lora_B.weight'].shape).toEqual([64, 4]);
    expect(JSON.parse(readFileSync(at('peft/adapter_config.json'), 'utf8'))).toMatchObject({
      r: 4,
      lora_alpha: 8,
      peft_type: 'LORA',
    });
    expect(await lossOf(base, at('peft'))).toBe(await lossOf(at('one')));
  });

  test('exported with the model added is that model, and fits its folder’s adapters again', async () => {
    await exportModel({ model: at('one'), format: 'hf', out: at('merged') });
    expect(await lossOf(at('merged'))).toBeCloseTo(await lossOf(at('one')), 4);
    await exportModel({ model: base, format: 'hf', out: at('base-hf') });
    expect(await lossOf(at('base-hf'), at('peft'))).toBeCloseTo(await lossOf(at('one')), 4);
  });

  test('swaps its adapters for others on the same kernels', async () => {
    await exportModel({ model: at('two'), format: 'peft', out: at('peft-two') });
    await using trainer = await createTrainer({ resume: at('one'), data: at('text'), steps: 10, pool });
    const { compilations } = trainer.pool.stats();
    const loss = async () => (await trainer.evaluate(stream, [0, 100])).crossEntropy;
    const one = await loss();
    await trainer.loadAdapter(at('peft-two'));
    const two = await loss();
    expect(two).not.toBe(one);
    await trainer.loadAdapter(at('one'));
    expect(await loss()).toBe(one);
    await trainer.loadAdapter(at('two'));
    expect(await loss()).toBe(two);
    expect(trainer.pool.stats().compilations).toBe(compilations);
  });

  test('refuses adapters of another kind, rank or model', async () => {
    const config = JSON.parse(readFileSync(at('peft/adapter_config.json'), 'utf8'));
    const other = at('dora');
    await exportModel({ model: at('one'), format: 'peft', out: other });
    writeFileSync(join(other, 'adapter_config.json'), JSON.stringify({ ...config, use_dora: true }));
    await expect(lossOf(base, other)).rejects.toMatchObject({ code: 'ERR_CONFIG' });
    writeFileSync(join(other, 'adapter_config.json'), JSON.stringify({ ...config, r: 2 }));
    await expect(lossOf(base, other)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    await expect(lossOf(base, base)).rejects.toThrow(/Expected adapters, got a whole model/);
    await trained({ ...lora, out: at('three'), lora: { rank: 2 } });
    await using trainer = await createTrainer({ resume: at('one'), data: at('text'), steps: 10, pool });
    await expect(trainer.loadAdapter(at('three'))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });

  test('is an error where its model has changed', async () => {
    writeFileSync(base, readFileSync(base).fill(1, 4000, 4004));
    await expect(loadModel(at('one'))).rejects.toMatchObject({ code: 'ERR_CHANGED_INPUT' });
  });
});
