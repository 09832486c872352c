import { TokenArray } from '../data/token-stream.js';
import { createTrainer } from '../train/create-trainer.js';
import type { TrainOptions } from '../train/options.js';
import type { ExamineOptions } from './doctor-report.js';

/** Losses of a short training on a device, beside those on the cpu. */
export interface ShortTraining {
  readonly model: 'tiny';
  readonly weights: 'dynamic' | 'static';
  readonly steps: readonly {
    readonly step: number;
    readonly loss: number;
    readonly cpuLoss: number;
    readonly difference: number;
    readonly ms: number;
  }[];
  /** The largest difference of a step; NaN where a loss is not finite. */
  readonly largestDifference: number;
  readonly compilations: number;
  readonly retirements: number;
  readonly workerDeaths: number;
}

const STEPS = 10;
/** Model and sizes of a pass. */
export const shortForm = { model: 'tiny', batch: 4, seq: 64 } as const;
const sentence = 'A mayfly lives for a day, and another takes its place before it is missed. ';

/** Trains the smallest model for ten steps on the device, then on the cpu, from the same start over the same text. */
export async function shortTraining(
  device: string,
  weights: 'dynamic' | 'static',
  options: ExamineOptions = {},
): Promise<ShortTraining> {
  const here = await losses(device, weights, options);
  const cpu = await losses('cpu', weights, options);
  const steps = here.steps.map(({ step, loss, ms }, index) => {
    const { loss: cpuLoss } = cpu.steps[index]!;
    return { step, loss, cpuLoss, difference: Math.abs(loss - cpuLoss), ms };
  });
  const { compilations, retirements, workerDeaths } = here.summary;
  const largestDifference = Math.max(...steps.map(({ difference }) => difference));
  return { model: shortForm.model, weights, steps, largestDifference, compilations, retirements, workerDeaths };
}

async function losses(device: string, weights: 'dynamic' | 'static', { signal, onProgress }: ExamineOptions) {
  const data = new TokenArray(Buffer.from(sentence.repeat(40)), 'a sentence, repeated');
  const options: TrainOptions = {
    ...{ ...shortForm, data, weights, steps: STEPS, lr: 3e-3 },
    ...{ allowSleep: true, pool: { device, workers: 1, standby: 1 }, signal },
    onProgress: (text) => onProgress?.(`programs: ${text}`),
  };
  await using trainer = await createTrainer(options);
  const steps = [];
  for await (const record of trainer.steps({ signal })) steps.push(record);
  signal?.throwIfAborted();
  return { steps, summary: trainer.summary() };
}
