import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decoderLayer } from '@mayfly/core/layers';
import { beforeAll, expect, test } from 'vitest';
import { aneEnvironment, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { mayfly } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();
const data = join(root, 'text.txt');

/** Every variant of a half, with the other half as it is. Each meets both APIs: one with dynamic, one with static weights. */
const forms = decoderLayer.blocks.flatMap(({ name, variants = [] }) =>
  variants.map((variant, index) => [`${name}=${variant.name}`, index % 2] as const),
);

async function losses(variant: string, weights: string, device: string, env: Record<string, string> = {}) {
  const form = [
    '--model',
    'tiny',
    '--tokenizer',
    'bytes',
    '--batch',
    '2',
    '--seq',
    '16',
    '--steps',
    '4',
    '--data',
    data,
  ];
  const choice = ['--variant', `${variant},silu=sigmoid,rope=slice,split=1`, '--weights', weights, '--device', device];
  const { code, lines, stderr } = await mayfly(['train', ...form, ...choice, '--json'], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { losses_sha256, params_sha256 } = JSON.parse(lines.at(-1)!) as Record<string, string>;
  return { losses_sha256, params_sha256 };
}

beforeAll(() => writeFileSync(data, 'It was a dark and stormy night; the rain fell in torrents. '.repeat(12)));

onEachRuntime((tier, runtime) => {
  test.each(forms)('%s trains as on device cpu', async (variant, parity) => {
    for (const [index, weights] of ['dynamic', 'static'].entries()) {
      const api = index === parity ? 'in-memory' : 'client';
      const staged = join(root, `${tier} ${variant} ${weights}`);
      mkdirSync(staged);
      const env = aneEnvironment(runtime, staged, { MAYFLY_ANE_API: api }) as Record<string, string>;
      const found = await losses(variant, weights, 'ane', { ...env, XDG_CACHE_HOME: join(root, 'cache') });
      expect(found, `${api}, ${weights}`).toEqual(await losses(variant, weights, 'cpu'));
      // Names with a dot are locks, and the compiled programs that the service keeps.
      expect(readdirSync(staged).filter((name) => !name.startsWith('.'))).toEqual([]);
    }
  });
});
