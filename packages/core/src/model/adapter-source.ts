import { setImmediate } from 'node:timers/promises';
import { MayflyError } from '@mayfly/native';
import type { Checkpoint } from '../checkpoint/read.js';
import { readCheckpoint, readCheckpointHeader } from '../checkpoint/read.js';
import { isRecord } from '../files/read-file.js';
import { type Adapter, adaptedLayout, adaptersIn, mergeAdapters } from './adapters.js';
import { checkpointConfig } from './checkpoint-model.js';
import type { ModelConfig } from './config.js';
import { identifyModel } from './model-identity.js';
import { type ParameterTarget, sinkOf } from './parameter-pieces.js';
import { isPeft, readPeft } from './peft.js';

/**
 * Reads adapters for a model: a folder of PEFT's, or a LoRA run of Mayfly or one of its checkpoints.
 *
 * @throws As `readPeft`; `ERR_CHECKPOINT` for a run of a whole model, and for adapters of a model with another shape.
 */
export async function readAdapter(source: string, config: ModelConfig): Promise<Adapter> {
  if (isPeft(source)) return readPeft(source, config);
  const found = await readCheckpointHeader(source);
  const lora = adaptersIn(found);
  if (lora === undefined)
    throw new MayflyError(
      'ERR_CHECKPOINT',
      `${found.path}: Expected adapters, got a whole model: name it as the model`,
    );
  return { lora, values: await readAdapterValues(found, adaptersOf(config, found)) };
}

/** The elements of the adapters that a checkpoint of them must have. */
function adaptersOf(config: ModelConfig, checkpoint: Checkpoint): number {
  const { count, baseCount } = adaptedLayout(config, adaptersIn(checkpoint)!);
  const elements = count - baseCount;
  const { parameters } = checkpoint.sections;
  if (parameters === 4 * elements) return elements;
  throw new MayflyError(
    'ERR_CHECKPOINT',
    `${checkpoint.path}: Expected ${4 * elements} bytes of adapters for the model, got ${parameters ?? 'none'}`,
  );
}

async function readAdapterValues({ path }: Checkpoint, elements: number): Promise<Float32Array> {
  const values = new Float32Array(elements);
  await readCheckpoint(path, { parameters: new Uint8Array(values.buffer) });
  return values;
}

/** The shape of the model that a checkpoint of adapters belongs to. */
export const adaptedConfig = (checkpoint: Checkpoint): ModelConfig =>
  checkpointConfig(checkpoint, (config) => {
    const { count, baseCount } = adaptedLayout(config, adaptersIn(checkpoint)!);
    return { names: null, count: count - baseCount };
  });

/**
 * The files of the model that a checkpoint of adapters belongs to; null for one without files, whose parameters were drawn.
 *
 * @throws `ERR_CHANGED_INPUT` where they are gone, or not those that the adapters were trained with.
 */
export async function baseOf({ path, header }: Checkpoint): Promise<string | null> {
  const identity = isRecord(header.inputs) ? header.inputs.model : null;
  if (!isRecord(identity)) return null;
  const source = String(identity.source);
  const found = await identifyModel(source);
  if (found?.sha256 === identity.sha256) return source;
  throw new MayflyError(
    'ERR_CHANGED_INPUT',
    `${path} holds adapters of the model at ${source}, which ${found === null ? 'is not there' : 'has changed since'}`,
  );
}

/** A way to the parameters of a model, with adapters added to them. */
export const merged =
  (config: ModelConfig, parameters: (target: ParameterTarget) => Promise<void>, adapter: () => Promise<Adapter>) =>
  async (target: ParameterTarget): Promise<void> => {
    const { lora, values } = await adapter();
    const layout = adaptedLayout(config, lora);
    const sink = sinkOf(target);
    await parameters(async (piece) => {
      mergeAdapters(layout, lora, piece, values);
      await sink(piece);
      // The event loop gets its turn.
      await setImmediate();
    });
  };
