import { invalidArgument } from '@mayfly/native';
import { range, whole } from '../check.js';
import { checkTokens } from '../data/check-tokens.js';
import { isTokenData } from '../data/data-files.js';
import { openData } from '../data/open-data.js';
import { expectText } from '../data/text-files.js';
import { expectDocuments, type TokenStream } from '../data/token-stream.js';
import { countWindows } from '../data/windows.js';
import { DisposeStack } from '../files/dispose-stack.js';
import { loadModel, withAdapter } from '../model/load-model.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { type DataOptions, dataOptions, openDataOptions } from './data-options.js';
import { type InferenceOptions, InferenceSession, inferenceOptions } from './inference-session.js';
import { modelTokenizer } from './model-tokenizer.js';
import { isTokenStream, modelOption, pathOr, tokenizerOption } from './shared-options.js';
import { checkWindows, type WindowLoss, windowLoss } from './window-loss.js';

export interface EvaluateOptions extends InferenceOptions, DataOptions {
  /**
   * Attention stays within the documents of a window, and the first token of a document is no target. Default: as the run trained that made
   * the model, if the data are documents.
   */
  readonly documentMask?: boolean | undefined;
  /** A llama2.c checkpoint, a folder of Hugging Face's transformers, a checkpoint of Mayfly, or a folder of these. */
  readonly model: string;
  /** A file or folder of text, rows or tokens (docs/topics/data.md), or tokens at hand. */
  readonly data: string | TokenStream;
  /** For text: `bytes` or a file. Default: the model's own. */
  readonly tokenizer?: string | undefined;
  /** Tokens per window: T. Default: 256, or the model's context if that is shorter. */
  readonly window?: number | undefined;
  /** First window and the one after the last. Default: all. */
  readonly windows?: readonly [number, number] | undefined;
  /** Windows per forward pass, which changes no result by more than rounding. Default 8. */
  readonly batch?: number | undefined;
}

/** The table of `EvaluateOptions`. */
export const evaluateOptions = {
  model: modelOption,
  data: {
    rule: pathOr<TokenStream>('a path or a stream of tokens', isTokenStream),
    ...{
      required: true,
      flag: '--data <path>',
      help: 'file or folder: text, .jsonl, .parquet, or tokens (.u16, .u32)',
    },
  },
  ...dataOptions,
  documentMask: { ...dataOptions.documentMask, default: undefined, defaultText: 'as the model was trained' },
  tokenizer: tokenizerOption,
  window: {
    ...{ rule: whole(1), defaultText: "256, or the model's context if shorter" },
    ...{ flag: '--window <t>', help: 'tokens per window' },
  },
  windows: {
    rule: range,
    defaultText: 'all',
    flag: '--windows <a:b>',
    help: 'first window and the one after the last',
  },
  batch: { rule: whole(1), default: 8, flag: '--batch <n>', help: 'windows per pass' },
  ...inferenceOptions,
} as const satisfies OptionTable<EvaluateOptions>;

/** Mean cross-entropy of a model over windows of a stream, in nats per token. */
export async function evaluate(given: EvaluateOptions): Promise<WindowLoss> {
  const options = resolveOptions('evaluate', evaluateOptions, given).options;
  const { data, batch } = options;
  const model = withAdapter(await loadModel(options.model), options.adapter);
  const { vocab, sequence } = model.config;
  const window = options.window ?? Math.min(256, sequence);
  if (window > sequence) {
    throw invalidArgument('window', `a whole number from 1 to the model's context of ${sequence}`, window);
  }
  const isText = typeof data === 'string' && !isTokenData(data, options.dataFormat);
  // A file that is not text is read as bytes only if the options request it.
  if (isText && options.tokenizer === undefined) expectText(data, options.dataFormat);
  const named = options.tokenizer ?? model.tokenizer;
  const tokenizer = isText ? modelTokenizer(named, options.model, vocab) : undefined;
  const mayHaveDocuments =
    typeof data === 'string' ? !isTokenData(data, options.dataFormat) : data.readMarks !== undefined;
  const documentMask = options.documentMask ?? (model.documentMask === true && mayHaveDocuments);
  await using opened = new DisposeStack();
  const stream =
    typeof data === 'string'
      ? opened.adopt(await openData(data, { ...openDataOptions({ ...options, documentMask }), tokenizer }), (own) =>
          own.close(),
        )
      : data;
  if (options.documentMask) expectDocuments(stream);
  await checkTokens(stream, vocab, tokenizer);
  const windows = options.windows ?? [0, countWindows(stream, window)];
  checkWindows(stream, window, windows);
  const session = await InferenceSession.open(model, Math.min(batch, windows[1] - windows[0]), window, {
    ...options,
    documentMask,
  });
  opened.adopt(session, (own) => own.close());
  return await windowLoss(session.decoder, stream, windows);
}
