import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '@mayfly/core';
import { readHuggingFaceConfig } from '@mayfly/core/model';
import { ParameterLayout } from '@mayfly/core/testing';
import { Float16Array } from '@petamoriken/float16';
import { describe, expect, test } from 'vitest';
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

/** A folder of two files: four tensors, and the others; `extra` is added to the second. */
function saveSharded(extra: Readonly<Record<string, RawTensor>> = {}): {
  folder: string;
  saveIndex: (map: unknown) => void;
  map: Record<string, string>;
} {
  const all = Object.entries(tensors('F32'));
  const folder = save(Object.fromEntries(all.slice(0, 4)));
  renameSync(join(folder, 'model.safetensors'), join(folder, 'first.safetensors'));
  writeSafetensors(join(folder, 'rest.safetensors'), { ...Object.fromEntries(all.slice(4)), ...extra });
  const map = Object.fromEntries(
    all.map(([name], index) => [name, index < 4 ? 'first.safetensors' : 'rest.safetensors']),
  );
  const saveIndex = (weights: unknown) =>
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weights }));
  saveIndex(map);
  return { folder, saveIndex, map };
}

describe('tensors in several files', () => {
  const name = 'model.layers.0.input_layernorm.weight';

  test('are read', async () => {
    expect(await read(saveSharded().folder)).toEqual(parameters());
  });

  test('come from the file that the index names, whatever the others hold', async () => {
    const { folder } = saveSharded({ [name]: tensor('F32', [8], 99) });
    expect(await read(folder)).toEqual(parameters());
  });

  test('come second where a single file is there', async () => {
    const { folder } = saveSharded();
    const single = tensors('F32');
    single[name] = tensor('F32', [8], 99);
    writeSafetensors(join(folder, 'model.safetensors'), single);
    expect((await read(folder)).subarray(128, 136)).toEqual(values(8, 99));
  });

  test.each([
    ['another file', { [name]: 'rest.safetensors' }, 'ERR_CHECKPOINT', `Expected ${name} in rest.safetensors`],
    ['a missing file', { [name]: 'gone.safetensors' }, 'ERR_FILE_NOT_FOUND', 'gone.safetensors'],
    ['a file elsewhere', { [name]: '../first.safetensors' }, 'ERR_CHECKPOINT', 'a file of this folder'],
    ['a file elsewhere, hidden', { [name]: 'a/../../x/first.safetensors' }, 'ERR_CHECKPOINT', 'a file of this folder'],
    ['an absolute path', { [name]: '/etc/passwd' }, 'ERR_CHECKPOINT', 'a file of this folder'],
    ['no path', { [name]: { toString: 1 } }, 'ERR_CHECKPOINT', 'a file of this folder'],
    ['the folder itself', { [name]: '.' }, 'ERR_FILE', 'it is a folder'],
    ['no file at all', { [name]: undefined }, 'ERR_CHECKPOINT', `none for ${name}`],
  ])('an index that names %s for a tensor', async (_what, change, code, message) => {
    const { folder, saveIndex, map } = saveSharded();
    saveIndex({ ...map, ...change });
    await expect(read(folder)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('an index need not name a tensor that transformers leaves aside', async () => {
    const { folder } = saveSharded({ 'model.rotary_emb.inv_freq': tensor('F32', [2], 3) });
    expect(await read(folder)).toEqual(parameters());
  });
});

describe('tensors that the model does not have', () => {
  test('are listed', async () => {
    const bias = { 'model.layers.0.self_attn.q_proj.bias': tensor('F32', [8], 1), extra: tensor('F32', [1], 2) };
    await expect(read(save({ ...tensors('F32'), ...bias }))).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining('got model.layers.0.self_attn.q_proj.bias, extra'),
    });
  });

  test('but those that transformers leaves aside', async () => {
    const { 'lm_head.weight': embedding, ...others } = tensors('F32');
    const aside = { 'lm_head.weight': tensor('F32', [16, 8], 9), 'model.rotary_emb.inv_freq': tensor('F32', [2], 3) };
    expect(await read(save({ ...others, 'model.embed_tokens.weight': embedding!, ...aside }))).toEqual(parameters());
  });
});

test('a matrix that is one column wide is a matrix', async () => {
  const stored = tensors('F32');
  for (const [name, shape] of [
    ['gate_proj', [1, 8]],
    ['down_proj', [8, 1]],
    ['up_proj', [1, 8]],
  ] as const) {
    stored[`model.layers.0.mlp.${name}.weight`] = tensor('F32', shape, 5);
  }
  const model = await loadModel(save(stored, { intermediate_size: 1 }));
  const { entries } = new ParameterLayout(model.config);
  expect(entries.filter(({ decay }) => !decay).map(({ name }) => name)).toEqual([
    'attentionNorm',
    'feedForwardNorm',
    'finalNorm',
  ]);
});

/** A safetensors file with any header. */
function writeHeader(folder: string, header: string, data: number): void {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(join(folder, 'model.safetensors'), Buffer.concat([length, Buffer.from(header), Buffer.alloc(data)]));
}

test.each([
  ...['__proto__', 'toString', 'constructor', 'F31'].map((dtype) => [
    `the type ${dtype}`,
    `{"a":{"dtype":"${dtype}","shape":[1],"data_offsets":[0,4]}}`,
    'dtype, shape and data_offsets of a',
  ]),
  ['no entry', '{"__proto__":null,"a":null}', 'dtype, shape and data_offsets of'],
  ['nesting', `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`, 'Expected'],
  ['a size of 2^53', '{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 'dtype, shape'],
  ['other bytes', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 'Expected 8 bytes of a, got 4'],
  [
    'tensors that overlap',
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}',
    'got one that overlaps another',
  ],
  ['a hole', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 'got a hole of 4 bytes before it'],
  ['bytes at the end', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 'bytes as its header says'],
])('a header with %s is refused', async (_what, header, message) => {
  const folder = save({});
  writeHeader(folder, header!, 8);
  await expect(loadModel(folder)).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: expect.stringContaining(message!),
  });
});

test.each([
  ['config.json', 'ERR_FILE'],
  ['model.safetensors', 'ERR_FILE'],
])('a pipe in the place of %s is not waited for', async (name, code) => {
  const folder = save(tensors('F32'));
  rmSync(join(folder, name));
  execFileSync('mkfifo', [join(folder, name)]);
  await expect(loadModel(folder)).rejects.toMatchObject({ code, message: expect.stringContaining('it is a pipe') });
});

test.each([['a safetensors file', 'model.safetensors', 'name the folder that holds it']])(
  'a part of a model: %s',
  async (kind, name, remedy) => {
    await expect(loadModel(join(save(tensors('F32')), name))).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(new RegExp(`got ${kind}: ${remedy}`)),
    });
  },
);

describe('a config without tensors', () => {
  test.each([
    ['in a folder', ''],
    ['by its path', 'config.json'],
  ])('is a shape with fresh parameters, %s', async (_, name) => {
    const folder = save(tensors('F32'), { vocab_size: 256 });
    rmSync(join(folder, 'model.safetensors'));
    const path = join(folder, name);
    const model = await loadModel(path);
    expect(model).toEqual({
      config: { ...config, vocab: 256 },
      tokenizer: 'bytes',
      description: `${join(folder, 'config.json')} (fresh parameters)`,
    });
    writeFileSync(join(folder, 'tokenizer.json'), '{}');
    expect((await loadModel(path)).tokenizer).toBe(join(folder, 'tokenizer.json'));
  });

  test.each(['pytorch_model.bin', 'model.safetensors.index.json'])('is not one beside %s', async (name) => {
    const folder = save({});
    renameSync(join(folder, 'model.safetensors'), join(folder, name));
    await expect(loadModel(folder)).rejects.toMatchObject({ code: expect.stringMatching(/ERR_FILE|ERR_CHECKPOINT/) });
  });

  test('may be another JSON file, which is refused', async () => {
    const path = join(saveSharded().folder, 'model.safetensors.index.json');
    await expect(loadModel(path)).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining(`${path}: Expected model_type to be`),
    });
  });
});

test('a SentencePiece model in the place of a model', async () => {
  const path = join(save({}), 'tokenizer.model');
  writeFileSync(path, Buffer.from('\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02', 'latin1'));
  await expect(loadModel(path)).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: expect.stringContaining('got a SentencePiece model, which is a tokenizer'),
  });
});

const yarn = { type: 'yarn', factor: 4, originalSequence: 32, betaFast: 32, betaSlow: 1, truncate: true };

describe('a config means what transformers takes it for', () => {
  test.each([
    [{ rope_scaling: { rope_type: 'default' } }, {}],
    [{ rope_scaling: { type: 'default', rope_theta: null } }, {}],
    [{ rope_parameters: null }, {}],
    [{ rope_parameters: {} }, {}],
    [{ rope_parameters: { rope_type: 'default' } }, {}],
    [{ rope_parameters: { rope_theta: 7e3 } }, { ropeBase: 7e3 }],
    [{ rope_parameters: { rope_theta: 7e3, rope_type: 'default', partial_rotary_factor: 1 } }, { ropeBase: 7e3 }],
    [{ rope_scaling: { rope_type: 'default' }, rope_parameters: { rope_theta: 7e3 } }, {}],
    [{ rope_theta: undefined }, { ropeBase: 1e4 }],
    [{ rope_theta: null }, { ropeBase: 1e4 }],
    [{ num_key_value_heads: 2 }, { kvHeads: 2 }],
    [{ num_key_value_heads: null }, { kvHeads: 2 }],
    [{ num_key_value_heads: undefined }, { kvHeads: 2 }],
    [{ hidden_act: undefined }, {}],
    [{ hidden_act: null }, {}],
    [{ hidden_act: 'swish' }, {}],
    [{ rms_norm_eps: undefined }, {}],
    [{ max_position_embeddings: undefined }, { sequence: 2048 }],
    [{ head_dim: null }, {}],
    [{ head_dim: 6 }, { headDim: 6 }],
    [{ attention_bias: null, mlp_bias: undefined, quantization_config: null }, {}],
    [{ tie_word_embeddings: undefined }, { tiedHead: false }],
    [{ sliding_window: 4, pretraining_tp: 2 }, {}],
    [{ model_type: 'mistral', sliding_window: null }, {}],
    [{ model_type: 'mistral', sliding_window: 32 }, {}],
    [{ model_type: 'mistral', sliding_window: null, max_position_embeddings: null }, { sequence: 131_072 }],
    [{ model_type: 'mistral', sliding_window: 31, attention_bias: true }, { slidingWindow: 31 }],
    [
      { model_type: 'mistral', max_position_embeddings: 4097 },
      { sequence: 4097, slidingWindow: 4096 },
    ],
    [{ attention_bias: true }, { attentionBias: true, outputBias: true }],
    [{ mlp_bias: true }, { mlpBias: true }],
    [{ model_type: 'qwen2' }, { attentionBias: true }],
    [
      { model_type: 'qwen2', max_position_embeddings: null },
      { attentionBias: true, sequence: 32_768 },
    ],
    [
      { model_type: 'qwen2', use_sliding_window: true, sliding_window: 8, max_window_layers: 0 },
      { attentionBias: true, slidingWindow: 8 },
    ],
    [{ model_type: 'qwen2', use_sliding_window: true, sliding_window: 8 }, { attentionBias: true }],
    [{ model_type: 'qwen3' }, { qkNorm: true, headDim: 128 }],
    [
      { model_type: 'qwen3', head_dim: 4, attention_bias: true },
      { qkNorm: true, attentionBias: true, outputBias: true },
    ],
    [
      {
        ...{ model_type: 'qwen3', head_dim: 6, use_sliding_window: true, sliding_window: 8 },
        layer_types: ['sliding_attention'],
      },
      { qkNorm: true, headDim: 6, slidingWindow: 8 },
    ],
    [
      {
        ...{ model_type: 'qwen2', use_sliding_window: true, sliding_window: 8 },
        ...{ num_hidden_layers: 4, max_window_layers: 3 },
      },
      { attentionBias: true, layers: 4, slidingWindow: 8, fullLayers: [0, 1, 2] },
    ],
    [
      {
        ...{ model_type: 'qwen3', head_dim: 6, use_sliding_window: true, sliding_window: 8, num_hidden_layers: 3 },
        layer_types: ['sliding_attention', 'full_attention', 'sliding_attention'],
      },
      { qkNorm: true, headDim: 6, layers: 3, slidingWindow: 8, fullLayers: [1] },
    ],
    [
      { model_type: 'smollm3', num_hidden_layers: 9, rope_theta: 7 },
      { layers: 9, ropeBase: 7, unrotatedLayers: [3, 7] },
    ],
    [
      { model_type: 'smollm3', num_hidden_layers: 3, no_rope_layers: [0, 1, 0], rope_theta: 7 },
      { layers: 3, ropeBase: 7, unrotatedLayers: [0, 2] },
    ],
    [
      { model_type: 'qwen3', head_dim: 6, layer_types: ['full_attention'] },
      { qkNorm: true, headDim: 6 },
    ],
    [
      { rope_scaling: { type: 'linear', factor: 2.5 } },
      { sequence: 80, ropeScaling: { type: 'linear', factor: 2.5, originalSequence: 32 } },
    ],
    [
      { rope_theta: undefined, rope_parameters: { rope_type: 'dynamic', factor: 2, rope_theta: 2e4 } },
      { sequence: 64, ropeBase: 2e4, ropeScaling: { type: 'dynamic', factor: 2, originalSequence: 32 } },
    ],
    [
      {
        rope_scaling: {
          ...{ rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
          original_max_position_embeddings: 16,
        },
      },
      {
        ropeScaling: {
          ...{ type: 'llama3', factor: 8, originalSequence: 16 },
          ...{ lowFrequencyFactor: 1, highFrequencyFactor: 4 },
        },
      },
    ],
    [
      { rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 32 } },
      { sequence: 128, ropeScaling: { ...yarn, attentionFactor: 0.1 * Math.log(4) + 1 } },
    ],
    [
      {
        rope_parameters: { rope_type: 'yarn', original_max_position_embeddings: 8, beta_fast: 16, attention_factor: 2 },
      },
      { ropeScaling: { ...yarn, originalSequence: 8, betaFast: 16, attentionFactor: 2 } },
    ],
    [
      {
        original_max_position_embeddings: 16,
        rope_scaling: {
          ...{ type: 'yarn', factor: 4, mscale: 0.7, mscale_all_dim: 0.5, beta_slow: 2 },
          truncate: false,
        },
      },
      {
        sequence: 64,
        ropeScaling: {
          ...{ ...yarn, originalSequence: 16, betaSlow: 2, truncate: false },
          attentionFactor: (0.07 * Math.log(4) + 1) / (0.05 * Math.log(4) + 1),
        },
      },
    ],
  ])('%j', (changes, expected) => {
    const folder = save({}, changes);
    expect(readHuggingFaceConfig(folder)).toEqual({ ...config, ...expected });
  });
});

test.each([
  [{ model_type: 'mistral', sliding_window: '64' }, 'Expected sliding_window to be a whole number'],
  [{ model_type: 'mistral', sliding_window: 0 }, 'Expected sliding_window to be a whole number'],
  [{ model_type: 'qwen2', use_sliding_window: 1 }, 'got use_sliding_window 1'],
  [
    { model_type: 'qwen2', use_sliding_window: true, num_hidden_layers: 3, max_window_layers: -1 },
    'got max_window_layers -1',
  ],
  [
    {
      ...{ model_type: 'qwen3', use_sliding_window: true, num_hidden_layers: 2 },
      layer_types: ['full_attention', 'chunked_attention'],
    },
    'got layer_types ["full_attention","chunked_attention"]',
  ],
  [{ model_type: 'smollm3', num_hidden_layers: 2, no_rope_layers: [1] }, 'got no_rope_layers [1]'],
  [{ model_type: 'smollm3', use_sliding_window: true }, 'got use_sliding_window true'],
  [{ rope_scaling: { type: 'longrope' } }, 'Expected rope_scaling.rope_type to be "default" or "linear"'],
  [{ rope_scaling: { type: 'linear' } }, 'Expected rope_scaling.factor to be a number of at least 1, got none'],
  [
    { rope_parameters: { rope_type: 'llama3', factor: 8, low_freq_factor: '1' } },
    'Expected rope_parameters.low_freq_factor to be a number above 0, got "1"',
  ],
  [
    { rope_parameters: { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 1 } },
    'Expected rope_parameters.high_freq_factor to be above the low one, 4, got 1',
  ],
  [
    { rope_scaling: { type: 'yarn', factor: 4, mscale: 'a', mscale_all_dim: 1 } },
    'Expected rope_scaling.attention_factor to be a number above 0, got NaN',
  ],
  [
    { rope_scaling: { type: 'dynamic', factor: 4 }, max_position_embeddings: '32' },
    'Expected max_position_embeddings to be a whole number',
  ],
  [
    { model_type: 'mistral', num_key_value_heads: undefined },
    'Expected num_attention_heads to be a multiple of num_key_value_heads 8',
  ],
  [{ model_type: '__proto__' }, 'got model_type "__proto__"'],
  [{ model_type: undefined }, 'got model_type none'],
  [{ rope_scaling: 'linear' }, 'got rope_scaling "linear"'],
  [{ rope_parameters: { full_attention: { rope_theta: 1e6 } } }, 'got rope_parameters'],
  [{ rope_parameters: { partial_rotary_factor: 0.5 } }, 'got rope_parameters'],
  [{ partial_rotary_factor: 0.5 }, 'got partial_rotary_factor 0.5'],
  [{ hidden_act: 'gelu' }, 'got hidden_act "gelu"'],
  [{ mlp_bias: 'false' }, 'Expected mlp_bias to be true or false, got "false"'],
  [{ quantization_config: { bits: 4 } }, 'got quantization_config {"bits":4}'],
  [{ num_hidden_layers: 1e9 }, 'Expected num_hidden_layers to be a whole number from 1 to 16384, got 1000000000'],
  [{ num_hidden_layers: true }, 'Expected num_hidden_layers to be a whole number'],
  [{ hidden_size: 2 ** 31 }, 'Expected hidden_size to be a whole number'],
  [{ hidden_size: 9 }, 'Expected hidden_size / num_attention_heads to be a whole number'],
  [{ intermediate_size: null }, 'Expected intermediate_size to be a whole number'],
  [{ vocab_size: -1 }, 'Expected vocab_size to be a whole number'],
  [{ rms_norm_eps: '1e-5' }, 'Expected rms_norm_eps to be a number above 0, got "1e-5"'],
  [{ rope_theta: 0 }, 'Expected rope_theta to be a number above 0, got 0'],
  [{ tie_word_embeddings: 'yes' }, 'Expected tie_word_embeddings to be true or false, got "yes"'],
])('a config with %j is refused, by the name of the key', (changes, message) => {
  expect(() => readHuggingFaceConfig(save({}, changes))).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining(message) }),
  );
});

test.each([
  [{ model_type: 'gemma' }, 'ERR_CONFIG', /got model_type "gemma"/],
  [{ attention_bias: true }, 'ERR_CHECKPOINT', /model.layers.0.self_attn.q_proj.bias of shape \[8\] .*, got none/],
  [{ model_type: 'qwen3', head_dim: 4 }, 'ERR_CHECKPOINT', /model.layers.0.self_attn.q_norm.weight .*, got none/],
  [{ hidden_size: 'wide' }, 'ERR_CONFIG', /Expected hidden_size to be a whole number from 1 to 1048576, got "wide"/],
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
