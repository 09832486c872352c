import { importLlama2c, readLlama2cConfig } from '@mayfly/core/model';
import { ParameterLayout } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { referenceLoss } from '../fixtures/reference-decoder.js';
import { SENTENCE_IDS, SENTENCE_LOSS, stories, storiesAbsent } from '../fixtures/stories260k.js';

test.skipIf(storiesAbsent)(
  'the reference that gradients are checked against has the loss of the golden sentence',
  () => {
    const config = readLlama2cConfig(stories.model.path);
    const parameters = new Float32Array(new ParameterLayout(config).count);
    importLlama2c(stories.model.path, parameters);
    const masters = Float64Array.from(parameters);
    const inputs = SENTENCE_IDS.slice(0, -1);
    expect(referenceLoss(config, masters, inputs.length, inputs, SENTENCE_IDS.slice(1))).toBeCloseTo(SENTENCE_LOSS, 6);
  },
);
