import { invalidArgument } from '@mayfly/native';
import { checkIds } from '../data/check-tokens.js';
import type { Tokenizer } from '../data/tokenizer.js';
import type { Decoder } from '../decoder/decoder.js';
import { wholeWindows } from '../decoder/text-model.js';
import { generateTokens } from '../inference/token-generator.js';

/** A text that the model wrote on the way. */
export interface Sample {
  /** Steps done before it. */
  readonly step: number;
  readonly prompt: string;
  /** The continuation of the prompt. */
  readonly text: string;
}

export interface SampleOptions {
  readonly sample: string;
  readonly sampleEvery: number;
  readonly sampleTokens: number;
  readonly steps: number;
  readonly seed: number;
}

/** Whether the model writes after this step. */
export const isSampleDue = (step: number, { sampleEvery, steps }: Pick<SampleOptions, 'sampleEvery' | 'steps'>) =>
  step % sampleEvery === 0 || step === steps;

/** Continues a prompt from time to time, on the kernels of training. The draws depend on the run's seed alone. */
export class Samples {
  readonly #decoder: Decoder;
  readonly #tokenizer: Tokenizer;
  readonly #options: Omit<SampleOptions, 'sampleEvery' | 'steps'>;
  readonly #prompt: readonly number[];

  constructor(
    decoder: Decoder,
    tokenizer: Tokenizer | undefined,
    options: Omit<SampleOptions, 'sampleEvery' | 'steps'>,
  ) {
    const { sample } = options;
    if (tokenizer === undefined) throw invalidArgument('sample', 'left out, since the run has no tokenizer', sample);
    const prompt = tokenizer.encode(sample);
    if (prompt.length === 0)
      throw invalidArgument('sample', 'some text, since the tokenizer has no first token', sample);
    checkIds(prompt, decoder.state.wholeConfig.vocab, 'sample', tokenizer);
    this.#decoder = decoder;
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#prompt = prompt;
  }

  /** @throws The signal's reason, between two tokens. */
  async draw(step: number, signal: AbortSignal | undefined): Promise<Sample> {
    const { sample: prompt, sampleTokens: maxTokens, seed } = this.#options;
    const tokenizer = this.#tokenizer;
    const stop = tokenizer.stops ?? tokenizer.eos;
    const text = tokenizer.decoder(this.#prompt);
    let written = '';
    const drawn = generateTokens(wholeWindows(this.#decoder), this.#prompt, {
      ...{ maxTokens, seed, stop, tokenizer, signal },
    });
    for await (const id of drawn) written += text.write(id);
    return { step, prompt, text: written + text.end() };
  }
}
