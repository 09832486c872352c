import { flag, oneOf, text } from '../check.js';
import { type DataFormat, dataFormats } from '../data/data-files.js';
import type { OpenDataOptions } from '../data/open-data.js';
import type { OptionTable } from '../option-table.js';

/** How data are read (docs/topics/data.md). */
export interface DataOptions {
  /**
   * What the files hold: `text`, `jsonl` or `parquet` for documents, `u16`, `u32` (raw tokens) or `llmc` (tokens behind llm.c's header).
   * Default: by each one's name.
   */
  readonly dataFormat?: DataFormat | undefined;
  /** The field of rows that holds text or messages. Default: `messages`, `prompt` and `completion`, or `text`. */
  readonly dataColumn?: string | undefined;
  /** Only completions and the assistant's turns count in the loss. Default false. */
  readonly maskPrompt?: boolean | undefined;
  /**
   * Attention stays within the documents of a window, and the first token of a document is no target. Models are evaluated as they were
   * trained. Default false.
   */
  readonly documentMask?: boolean | undefined;
  /** `on` keeps the tokens of 1 MiB of text or more in the cache folder. Default `on`. */
  readonly dataCache?: 'on' | 'off' | undefined;
}

/** The table of `DataOptions`. */
export const dataOptions = {
  dataFormat: {
    ...{ rule: oneOf(...dataFormats), defaultText: "by the file's name", saved: true },
    ...{ flag: '--data-format <name>', help: `what files hold: ${dataFormats.join(', ')}` },
  },
  dataColumn: {
    ...{ rule: text, defaultText: 'messages, prompt and completion, or text', saved: true },
    ...{ flag: '--data-column <name>', help: 'field of rows that holds text or messages' },
  },
  maskPrompt: {
    ...{ rule: flag, default: false, saved: true, flag: '--mask-prompt' },
    help: "only completions and the assistant's turns count in the loss",
  },
  documentMask: {
    ...{ rule: flag, default: false, saved: true, fixed: true, flag: '--document-mask' },
    help: 'attention stays within the documents of a window',
  },
  dataCache: {
    ...{ rule: oneOf('on', 'off'), default: 'on', flag: '--data-cache <on|off>' },
    help: 'keep the tokens of large text in the cache folder',
  },
} as const satisfies OptionTable<DataOptions>;

/** As `openData` takes them. */
export const openDataOptions = ({
  dataFormat,
  dataColumn,
  maskPrompt,
  documentMask,
  dataCache,
}: DataOptions): OpenDataOptions => ({
  format: dataFormat,
  column: dataColumn,
  maskPrompt,
  documents: documentMask,
  cache: dataCache !== 'off',
});
