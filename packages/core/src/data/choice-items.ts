import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import { isRecord, readFile } from '../files/read-file.js';

/** A question with several answers, of which one is right. */
export interface ChoiceItem {
  /** Text before the answers. */
  readonly context: string;
  readonly choices: readonly string[];
  /** Index of the right one. */
  readonly answer: number;
}

/**
 * The items in a file of JSON Lines: `{"context" or "question", "choices", "answer"}`; `answer` is an index from 0, or the text of a
 * choice.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_DATA_FORMAT`, which names file and line.
 */
export function readChoiceItems(path: string): ChoiceItem[] {
  // TextDecoder leaves out a byte order mark, which toString() keeps.
  const lines = new TextDecoder().decode(readFile(path, 'a file of items')).split('\n');
  const items = lines.flatMap((line, index) =>
    line.trim() === '' ? [] : [itemOf(line, `${path}: line ${index + 1}`)],
  );
  if (items.length > 0) return items;
  throw new MayflyError('ERR_DATA_FORMAT', `${path}: Expected items of multiple choice, got none`);
}

function itemOf(line: string, where: string): ChoiceItem {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (cause) {
    throw new MayflyError('ERR_DATA_FORMAT', `${where}: Expected JSON, got ${(cause as Error).message}`, { cause });
  }
  const { context, question = context, choices, answer } = isRecord(row) ? row : {};
  if (typeof question !== 'string') throw unexpected(where, 'a text as `context` or `question`', question);
  if (!isTexts(choices)) throw unexpected(where, 'two or more different texts as `choices`', choices);
  const index = typeof answer === 'string' ? choices.indexOf(answer) : answer;
  if (Number.isInteger(index) && (index as number) >= 0 && (index as number) < choices.length) {
    return { context: question, choices, answer: index as number };
  }
  throw unexpected(where, `an index from 0 to ${choices.length - 1}, or a choice, as \`answer\``, answer);
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length > 1 &&
  new Set(value).size === value.length &&
  value.every((each) => typeof each === 'string' && each !== '');

const unexpected = (where: string, expected: string, actual: unknown): MayflyError =>
  new MayflyError('ERR_DATA_FORMAT', `${where}: Expected ${expected}, got ${describeValue(actual)}`);
