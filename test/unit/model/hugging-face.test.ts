import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '@mayfly/core';
import { Float16Array } from '@petamoriken/float16';
import { expect, test } from 'vitest';
import { ParameterLayout } from '../../../packages/core/src/model/parameters.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { type RawTensor, writeSafetensors } from '../../fixtures/write-safetensors.js';

const root = temporaryFolder();
let folders = 0;

const json = {
  ...{ model_type: 'llama', hidden_size: 8, intermediate_size: 12, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ num_key_value_heads: 1, vocab_size: 16, max_position_embeddings: 32, rms_norm_eps: 1e-6, rope_theta: 5e5 },
  ...{ tie_word_embeddings: true, hidden_act: 'silu', rope_scaling: null, attention_bias: false },
};
const config = {
  ...{ dim: 8, hidden: 12, layers: 1, heads: 2, kvHeads: 1, headDim: 4, vocab: 16, sequence: 32, eps: 1e-6 },
  ...{ ropeBase: 5e5, ropePairing: 'half', tiedHead: true },
};

/** Values that fp16 and bf16 hold exactly. */
const values = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => ((index * 7 + seed * 5) % 129) / 64 - 1);

const encoders: Readonly<Record<string, (floats: Float32Array) => Uint8Array>> = {
  F32: (floats) => new Uint8Array(floats.buffer),
  F16: (floats) => new Uint8Array(Float16Array.from(floats).buffer),
  BF16: (floats) => new Uint8Array(Uint16Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16).buffer),
};

function tensor(dtype: string, shape: readonly number[], seed: number): RawTensor {
  const count = shape.reduce((product, axis) => product * axis, 1);
  return { dtype, shape, data: encoders[dtype]!(values(count, seed)) };
}

/** In the order of our parameters, each with values of its own. */
function tensors(dtype: string): Record<string, RawTensor> {
  const layer = 'model.layers.0.';
  const shapes: readonly (readonly [string, readonly number[]])[] = [
    ['lm_head.weight', [16, 8]],
    [`${layer}input_layernorm.weight`, [8]],
    [`${layer}self_attn.q_proj.weight`, [8, 8]],
    [`${layer}self_attn.k_proj.weight`, [4, 8]],
    [`${layer}self_attn.v_proj.weight`, [4, 8]],
    [`${layer}self_attn.o_proj.weight`, [8, 8]],
    [`${layer}post_attention_layernorm.weight`, [8]],
    [`${layer}mlp.gate_proj.weight`, [12, 8]],
    [`${layer}mlp.down_proj.weight`, [8, 12]],
    [`${layer}mlp.up_proj.weight`, [12, 8]],
    ['model.norm.weight', [8]],
  ];
  return Object.fromEntries(shapes.map(([name, shape], index) => [name, tensor(dtype, shape, index)]));
}

function save(stored: Readonly<Record<string, RawTensor>>, changes: object = {}): string {
  const folder = join(root, `model-${++folders}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...json, ...changes }));
  writeSafetensors(join(folder, 'model.safetensors'), stored);
  return folder;
}

async function read(folder: string): Promise<Float32Array> {
  const model = await loadModel(folder);
  const target = new Float32Array(new ParameterLayout(model.config).count);
  await model.parameters?.(target);
  return target;
}

const parameters = (): Float32Array =>
  Float32Array.from(Object.values(tensors('F32')).flatMap(({ data }) => [...new Float32Array(data.buffer)]));

test.each(['F32', 'F16', 'BF16'])('a folder with %s', async (dtype) => {
  const folder = save(tensors(dtype));
  expect(await loadModel(folder)).toMatchObject({ config, description: expect.stringMatching(/\(Hugging Face\)$/) });
  expect(await read(folder)).toEqual(parameters());
});

test('RoPE as transformers 5 writes it', async () => {
  const rope = { rope_theta: 2e4, rope_type: 'default' };
  const folder = save(tensors('F32'), { rope_theta: undefined, rope_scaling: undefined, rope_parameters: rope });
  expect(await loadModel(folder)).toMatchObject({ config: { ...config, ropeBase: 2e4 } });
});

test('tensors in several files', async () => {
  const all = Object.entries(tensors('F32'));
  const folder = save(Object.fromEntries(all.slice(0, 4)));
  writeSafetensors(join(folder, 'rest.safetensors'), Object.fromEntries(all.slice(4)));
  const map = all.map(([name], index) => [name, index < 4 ? 'model.safetensors' : 'rest.safetensors']);
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: Object.fromEntries(map) }));
  expect(await read(folder)).toEqual(parameters());
});

test.each([
  [{ model_type: 'qwen3' }, 'ERR_CONFIG', /got model_type "qwen3"/],
  [{ attention_bias: true }, 'ERR_CONFIG', /got attention_bias true/],
  [{ rope_scaling: { type: 'linear', factor: 2 } }, 'ERR_CONFIG', /got rope_scaling \{"type":"linear","factor":2\}/],
  [{ rope_parameters: { rope_type: 'llama3' } }, 'ERR_CONFIG', /got rope_parameters \{"rope_type":"llama3"\}/],
  [{ hidden_size: 'wide' }, 'ERR_CONFIG', /Expected dim to be a whole number from 1 up, got wide/],
  [{ intermediate_size: 13 }, 'ERR_CHECKPOINT', /mlp.gate_proj.weight of shape \[13, 8\] .*, got F32 \[12, 8\]/],
  [{ num_hidden_layers: 2 }, 'ERR_CHECKPOINT', /model.layers.1.input_layernorm.weight .*, got none/],
  [{ tie_word_embeddings: false }, 'ERR_CHECKPOINT', /Expected a tensor model.embed_tokens.weight .*, got none/],
])('a config with %j is refused', async (changes, code, message) => {
  await expect(read(save(tensors('F32'), changes))).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
});

test('a type that is not read', async () => {
  const stored = tensors('F32');
  stored['model.norm.weight'] = { dtype: 'I8', shape: [8], data: new Uint8Array(8) };
  await expect(read(save(stored))).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: expect.stringMatching(/type F32, F16, BF16, got I8 \[8\]/),
  });
});

test('a file cut at any place is refused, never half read', async () => {
  const folder = save(tensors('BF16'));
  const path = join(folder, 'model.safetensors');
  const whole = readFileSync(path);
  for (let bytes = 0; bytes < whole.length; bytes += 13) {
    writeFileSync(path, whole);
    truncateSync(path, bytes);
    await expect(read(folder)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  }
});
