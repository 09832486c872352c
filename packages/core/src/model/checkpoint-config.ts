import { MayflyError } from '@mayfly/native';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { isRecord } from '../files/read-json.js';
import type { ModelConfig } from './config.js';
import { countParameters } from './count-parameters.js';
import { validateConfig } from './validate-config.js';

/**
 * The shape of the model in a checkpoint, whose parameters must be as many as it says: nothing is made of a shape before that
 * is known, however many layers it claims.
 *
 * @throws `ERR_CHECKPOINT`.
 */
export function checkpointConfig({ path, header, sections }: Checkpoint): ModelConfig {
  const { config } = header;
  if (!isRecord(config)) throw unexpected(path, "a model's config in the header", 'none');
  let checked: ModelConfig;
  try {
    checked = validateConfig(config as unknown as ModelConfig);
  } catch (cause) {
    throw unexpected(path, 'a config that describes a model', (cause as Error).message, cause);
  }
  const expected = 4 * countParameters(checked);
  const { parameters } = sections;
  if (parameters !== expected) {
    throw unexpected(path, `${expected} bytes of parameters for its config`, String(parameters ?? 'none'));
  }
  return checked;
}

const unexpected = (path: string, expected: string, actual: string, cause?: unknown): MayflyError =>
  new MayflyError('ERR_CHECKPOINT', `${path}: Expected ${expected}, got ${actual}`, { cause });
