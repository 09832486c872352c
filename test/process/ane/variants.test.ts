import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decoderLayer } from '@mayfly/core/layers';
import { afterEach, expect, test, vi } from 'vitest';
import { onEachRuntime } from '../../fixtures/ane-emulator.js';
import { fingerprint, runTraining, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();
const data = smallStream(root);
afterEach(() => void vi.unstubAllEnvs());

/** Every variant of a half, with the other half as it is. */
const forms = decoderLayer.blocks.flatMap(({ name, variants = [] }) =>
  variants.map((variant, index) => [`${name}=${variant.name}`, index % 2] as const),
);

type Weights = 'dynamic' | 'static';

const train = async (variant: string, weights: Weights, device: string) =>
  fingerprint(
    await runTraining({
      ...{ data, tokenizer: 'bytes', batch: 2, seq: 16, steps: 2, weights },
      ...{ variant: `${variant},silu=sigmoid,rope=slice,split=1`, pool: { device, standby: 0 } },
    }),
  );
const onCpu = new Map<string, ReturnType<typeof train>>();
const expected = (variant: string, weights: Weights) => {
  const name = `${variant} ${weights}`;
  const known = onCpu.get(name) ?? train(variant, weights, 'cpu');
  onCpu.set(name, known);
  return known;
};

onEachRuntime((tier, runtime) => {
  test.each(forms)('%s trains as on device cpu', async (variant, parity) => {
    // Each meets both APIs: one with dynamic, one with static weights.
    for (const [index, weights] of (['dynamic', 'static'] as const).entries()) {
      const api = index === parity ? 'in-memory' : 'client';
      const staged = join(root, `${tier} ${variant} ${weights}`);
      mkdirSync(staged);
      vi.stubEnv('MAYFLY_ANE_RUNTIME', runtime);
      vi.stubEnv('MAYFLY_EMULATOR_TEMPORARY', staged);
      vi.stubEnv('MAYFLY_ANE_API', api);
      vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'));
      expect(await train(variant, weights, 'ane'), `${api}, ${weights}`).toEqual(await expected(variant, weights));
      // Names with a dot are locks, and the compiled programs that the service keeps.
      expect(readdirSync(staged).filter((name) => !name.startsWith('.'))).toEqual([]);
    }
  });
});
