import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventsOf, mayfly } from '../fixtures/command.js';
import { SENTENCE, SENTENCE_IDS, stories, storiesAbsent } from '../fixtures/stories260k.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

const model = ['--model', stories.model.path];
const data = ['--data', stories.tokens.path];
const folder = temporaryFolder();

describe.skipIf(storiesAbsent)('stories260K by command', () => {
  describe.each(['dynamic', 'static'])('%s weights', (weights) => {
    test.each([
      ['64', '0:256', 1.479328],
      ['256', '0:64', 1.303471],
    ])('eval: windows of %s, %s', async (window, windows, expected) => {
      const options = ['--window', window, '--windows', windows, '--weights', weights, '--json'];
      const { lines } = await mayfly(['eval', ...model, ...data, ...options]);
      const { cross_entropy: loss, targets } = JSON.parse(lines[0]!);
      expect(targets).toBe(16_384);
      expect(Math.abs(loss - expected)).toBeLessThan(1e-3);
    });

    test('train: ten steps of AdamW', async () => {
      const optimizer = [
        '--lr',
        '1e-4',
        '--betas',
        '0.9,0.95',
        '--eps',
        '1e-8',
        '--weight-decay',
        '0.1',
        '--clip',
        '1',
      ];
      const batches = ['--order', 'sequential', '--batch', '4', '--seq', '64', '--steps', '10'];
      const out = ['--out', join(folder, weights), '--weights', weights, '--retire-after', '50', '--json'];
      const ended = await mayfly(['train', ...model, ...data, ...optimizer, ...batches, ...out]);
      const losses = eventsOf(ended).flatMap(({ event, loss }) => (event === 'step' ? [loss as number] : []));
      const expected = [
        1.479111, 1.598748, 1.643558, 1.86636, 1.524557, 1.35849, 1.592913, 1.460713, 1.312203, 1.373002,
      ];
      expect(losses).toHaveLength(10);
      for (const [index, loss] of losses.entries()) expect(Math.abs(loss - expected[index]!)).toBeLessThan(2e-3);
    });
  });

  test('generate: greedy from BOS', async () => {
    const options = ['--tokenizer', stories.tokenizer.path, '--temperature', '0', '--max-tokens', '15', '--json'];
    const { lines } = await mayfly(['generate', ...model, ...options]);
    expect(JSON.parse(lines[0]!)).toMatchObject({ text: SENTENCE, ids: SENTENCE_IDS.slice(1) });
  });
});
