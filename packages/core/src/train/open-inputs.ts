import { resolve } from 'node:path';
import { isTokenData } from '../data/data-files.js';
import { openData } from '../data/open-data.js';
import { expectText } from '../data/text-files.js';
import { expectDocuments } from '../data/token-stream.js';
import { readTokenizerFiles } from '../data/tokenizer-files.js';
import { countShuffled, countWindows, Windows } from '../data/windows.js';
import type { DisposeStack } from '../files/dispose-stack.js';
import { openDataOptions } from '../inference/data-options.js';
import { modelTokenizer } from '../inference/model-tokenizer.js';
import type { CompactVocabulary } from '../model/compact-vocabulary.js';
import type { Run } from './open-run.js';
import { expectSameInputsOnRanks } from './rank-agreement.js';
import type { Ranks } from './ranks.js';
import { identifyInputs, type RunInputs } from './run-inputs.js';
import { noTokensSeen, runVocabulary } from './run-vocabulary.js';
import { openValidation } from './validation-data.js';

/**
 * The inputs of all ranks, opened. The first rank tokenizes first, so that those that share its cache folder find its tokens there. `found`
 * identifies the inputs, which are the same on all ranks then.
 */
export async function openInTurn(begun: Run, ranks: Ranks, opened: DisposeStack) {
  const first = await ranks.throughout(() => (ranks.isFirst ? openInputs(begun, opened) : null));
  const { identifying, ...inputs } = await ranks.throughout(() => first ?? openInputs(begun, opened));
  let found: Promise<RunInputs> | null = null;
  const identify = async () => {
    const own = await ranks.throughout(() => identifying);
    await expectSameInputsOnRanks(ranks, own);
    return own;
  };
  return {
    ...inputs,
    found: () => {
      found ??= identify();
      return found;
    },
  };
}

/** Tokenizer and data, opened. They are read once to identify them, beside what else is to be done. */
async function openInputs(
  { options, config, modelPath, tokenizerSource, stream: ready, given }: Run,
  opened: DisposeStack,
) {
  const isText = ready === undefined && !isTokenData(options.data, options.dataFormat);
  // A file that is not text is read as bytes only if the options request it, now or when the run began.
  if (isText && (tokenizerSource === undefined || options.origins.tokenizer === 'derived'))
    expectText(options.data, options.dataFormat);
  const tokenizer =
    isText || tokenizerSource !== undefined ? modelTokenizer(tokenizerSource, options.model, config.vocab) : undefined;
  const tokenizerFiles = typeof tokenizerSource === 'string' ? readTokenizerFiles(tokenizerSource) : tokenizerSource;
  const { signal } = options;
  const reading = { ...openDataOptions(options), tokenizer, signal };
  const stream = ready ?? opened.adopt(await openData(options.data, reading), (data) => data.close());
  if (options.documentMask) expectDocuments(stream);
  const readsBytes = options.origins.tokenizer !== 'derived';
  const { training, validation: heldOut } = await openValidation(
    stream,
    options.seq,
    given.validation ?? options.validation,
    { reading, readsBytes, opened },
  );
  const fresh = new Windows(training, options.seq, options.order, options.seed, options.epochs);
  const windowsPerEpoch = (options.order === 'shuffled' ? countShuffled : countWindows)(training, options.seq);
  const source = ready === undefined ? resolve(options.data) : stream.source;
  const { vocab } = config;
  const isApart = heldOut !== undefined && typeof options.validation === 'string';
  const validation = isApart
    ? {
        stream: heldOut,
        source: typeof given.validation === 'object' ? heldOut.source : resolve(`${options.validation}`),
      }
    : undefined;
  const seen = noTokensSeen(options.compactVocabulary ? vocab : 0);
  const identifying = identifyInputs({
    ...(options.compactVocabulary && { seen }),
    model: modelPath,
    stream,
    source,
    validation,
    vocab,
    tokenizer,
    tokenizerFiles,
  });
  // The caller awaits this promise later; an earlier failure must not leave its rejection unhandled.
  identifying.catch(() => {});
  return { tokenizer, tokenizerFiles, training, heldOut, fresh, identifying, windowsPerEpoch, seen };
}

/** The compact vocabulary of a run, once its data were read. */
export async function vocabularyOf(
  run: Run,
  inputs: Awaited<ReturnType<typeof openInTurn>>,
): Promise<CompactVocabulary> {
  await inputs.found();
  return runVocabulary({ ...inputs, sample: run.options.sample }, run.vocabulary);
}
